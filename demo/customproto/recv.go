// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/spf13/cobra"

	"protean/demo/customproto/inbox"
	"protean/demo/customproto/xfer"
	"protean/transport/rawip"
)

// A recvCommand holds the flags of recv.
type recvCommand struct {
	network
	inbox inbox.Config
	limit quantity
	from  string
}

func newRecvCommand() *cobra.Command {
	c := recvCommand{limit: 4 << 30}
	cmd := &cobra.Command{
		Use:   "recv",
		Short: "Wait for a file and store it",
		Long: "Wait for a file and store it. It appears under its name only when it is complete\n" +
			"and its SHA-256 is right.",
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&c.inbox.Dir, "output", "o", ".", "directory to store the file in")
	f.BoolVar(&c.inbox.Force, "force", false, "replace a file of the same name")
	f.StringVar(&c.from, "from", "", "take a file from this address only")
	f.Var(&c.limit, "max-size", "refuse files of more bytes, 0 for no limit")
	return cmd
}

// run receives one file.
func (c *recvCommand) run(ctx context.Context, stdout, stderr io.Writer) error {
	cfg := xfer.ReceiverConfig{Timeout: c.timeout}
	if c.from != "" {
		var err error
		if cfg.From, err = netip.ParseAddr(c.from); err != nil {
			return usagef("--from %q is not an IP address", c.from)
		}
	}
	c.inbox.MaxSize = int64(c.limit)
	c.inbox.Log = func(o xfer.Offer, from netip.Addr, err error) { logOffer(stderr, o, from, err) }
	store, err := inbox.Open(c.inbox)
	if err != nil {
		return err
	}
	defer store.Close()

	t, err := c.open(rawip.Config{Rate: windowRate})
	if err != nil {
		return err
	}
	defer t.Close()
	host, err := start(ctx, t)
	if err != nil {
		return err
	}
	defer host.stop()
	down, err := host.download(cfg, c.protocol, store)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "waiting for a file on IP protocol %d\n", c.protocol)
	if err := down.Run(host.ctx); err != nil {
		return err
	}
	return reportReceived(stdout, down)
}

// logOffer says what was offered, and whether it is taken.
func logOffer(w io.Writer, o xfer.Offer, from netip.Addr, err error) {
	if err == nil {
		fmt.Fprintf(w, "%v sends %q, %s\n", from, o.Name, byteCount(o.Size))
		return
	}
	if errors.Is(err, xfer.Exists) {
		err = errors.New("there is a file of that name; see --force")
	}
	fmt.Fprintf(w, "%v offered %q, %s: refused, %v\n", from, o.Name, byteCount(o.Size), err)
}
