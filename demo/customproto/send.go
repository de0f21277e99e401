// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"protean/demo/customproto/xfer"
	"protean/transport/rawip"
)

// A sendCommand holds the flags of send.
type sendCommand struct {
	network
	name string
}

func newSendCommand() *cobra.Command {
	var c sendCommand
	cmd := &cobra.Command{
		Use:   "send FILE ADDRESS",
		Short: "Send a file to a host on which recv waits for it",
		Args:  arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			peer, err := netip.ParseAddr(args[1])
			if err != nil {
				return usagef("%q is not an IP address", args[1])
			}
			return c.run(cmd.Context(), args[0], peer.Unmap(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(&c.name, "name", "", "offer the file under this name instead of its own")
	return cmd
}

// run sends the file at path.
func (c *sendCommand) run(ctx context.Context, path string, peer netip.Addr, stdout, stderr io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	cfg := xfer.SenderConfig{Peer: peer, Name: c.name, Size: info.Size(), Timeout: c.timeout}
	if cfg.Name == "" {
		cfg.Name = filepath.Base(path)
	}

	t, err := c.open(rawip.Config{V4: peer.Is4(), V6: peer.Is6()})
	if err != nil {
		return err
	}
	defer t.Close()
	host, err := start(ctx, t)
	if err != nil {
		return err
	}
	defer host.stop()
	up, err := host.upload(cfg, c.protocol, file)
	if err != nil {
		return err
	}
	err = follow(stderr, cfg.Size, up.Stats, func() error { return up.Run(host.ctx) })
	if err != nil {
		return err
	}
	return reportSent(stdout, up)
}
