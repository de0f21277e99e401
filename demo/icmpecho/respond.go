// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"protean/demo/icmpecho/echo"
	"protean/proto"
	"protean/transport"
	"protean/transport/rawip"
)

// respondOptions are the flags of respond.
type respondOptions struct {
	only4, only6    bool
	delay           seconds
	loss, duplicate percent
	device          string
	transport       string
	claim           bool
	kernel          string
	stats           seconds
	quiet           bool
}

func respondCommand() *cobra.Command {
	var o respondOptions
	c := &cobra.Command{
		Use:   "respond [flags] [ADDR...]",
		Short: "Answer echo requests in place of the kernel",
		Long: `Answer ICMP echo requests to this host's addresses, or only to those given, in
place of the kernel, with a delay, losses and duplicates for tests.

The kernel is told not to answer, by net.ipv4.icmp_echo_ignore_all and
net.ipv6.icmp.echo_ignore_all of this network namespace; the previous values
come back at the end, however the program ends. With --kernel leave it is left
alone, and askers get both answers.

With --claim the addresses given are not this host's: they are taken over, that
is, ARP requests and neighbour solicitations for them are answered as well. The
kernel goes on answering for its own.

SIGUSR1 has the statistics printed. The exit code is 0 after an interrupt, and 2
for any failure.`,
		RunE: func(c *cobra.Command, args []string) error {
			addrs, err := o.check(args)
			if err != nil {
				return err
			}
			return respond(&o, addrs, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.only4, "ipv4", "4", false, "answer IPv4 only")
	f.BoolVarP(&o.only6, "ipv6", "6", false, "answer IPv6 only")
	f.StringVarP(&o.device, "interface", "I", "", "answer what comes through this interface only")
	f.StringVar(&o.transport, "transport", "raw", "raw: raw sockets; packet: packet sockets on the interface that -I names")
	f.BoolVar(&o.claim, "claim", false, "take over the addresses given, which nobody has (takes --transport packet)")
	f.Var(&o.delay, "delay", "time to let pass before an answer")
	f.Var(&o.loss, "loss", "percentage of requests not to answer")
	f.Var(&o.duplicate, "dup", "percentage of requests to answer twice")
	f.StringVar(&o.kernel, "kernel", "silence", "silence: keep the kernel from answering; leave: let it answer as well")
	f.Var(&o.stats, "stats", "print the statistics at this interval (default at the end)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing but errors")
	return c
}

// check refuses flags that do not fit, and returns the addresses given.
func (o *respondOptions) check(args []string) (addrs []netip.Addr, err error) {
	switch {
	case o.only4 && o.only6:
		return nil, errors.New("-4 and -6 exclude each other")
	case o.transport != "raw" && o.transport != "packet":
		return nil, fmt.Errorf("unknown transport %q: it is raw or packet", o.transport)
	case o.transport == "packet" && o.device == "":
		return nil, errors.New("--transport packet takes an interface: -I NAME")
	case o.claim && (o.transport != "packet" || len(args) == 0):
		return nil, errors.New("--claim takes --transport packet and addresses")
	case o.kernel != "silence" && o.kernel != "leave":
		return nil, fmt.Errorf("--kernel %s is neither silence nor leave", o.kernel)
	}
	if o.device != "" {
		if _, err := net.InterfaceByName(o.device); err != nil {
			return nil, fmt.Errorf("-I %s: there is no such interface", o.device)
		}
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("cannot list the addresses of this host: %w", err)
	}
	for _, text := range args {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%s: is not an address", text)
		}
		a = a.Unmap().WithZone("")
		switch {
		case o.only4 && !a.Is4():
			return nil, fmt.Errorf("%v: is not an IPv4 address, and -4 asks for one", a)
		case o.only6 && !a.Is6():
			return nil, fmt.Errorf("%v: is not an IPv6 address, and -6 asks for one", a)
		case o.claim && isOwn(own, a):
			return nil, fmt.Errorf("%v: is an address of this host, and cannot be claimed", a)
		case !o.claim && !isOwn(own, a):
			return nil, fmt.Errorf("%v: is not an address of this host", a)
		}
		addrs = append(addrs, a)
	}
	if len(addrs) > 0 { // the kernel goes on answering for the other family
		some6 := slices.ContainsFunc(addrs, netip.Addr.Is6)
		some4 := slices.ContainsFunc(addrs, netip.Addr.Is4)
		o.only4, o.only6 = !some6, !some4
	}
	return addrs, nil
}

func isOwn(own []net.Addr, a netip.Addr) bool {
	for _, o := range own {
		n, ok := o.(*net.IPNet)
		if !ok {
			continue
		}
		// All of 127.0.0.0/8 belongs to the host.
		if n.IP.Equal(a.AsSlice()) || a.Is4() && a.IsLoopback() && n.IP.IsLoopback() && n.Contains(a.AsSlice()) {
			return true
		}
	}
	return false
}

// open opens the transport that --transport names.
func (o *respondOptions) open() (transport.Transport, error) {
	if o.transport == "packet" {
		return openPacket(o.device, o.only4, o.only6)
	}
	// The kernel builds the headers, since it then fragments large answers.
	return rawip.Open(&rawip.Config{V4: o.only4, V6: o.only6, Interface: o.device, Header: rawip.Kernel})
}

// claim takes addresses over.
func claim(b *proto.Binding, device string, addrs []netip.Addr) error {
	f, err := net.InterfaceByName(device)
	if err != nil {
		return fmt.Errorf("-I %s: there is no such interface", device)
	}
	var failed error
	err = b.Do(func(env *proto.Env) {
		for _, a := range addrs {
			if err := env.Claim(f.Index, a, nil); err != nil {
				failed = fmt.Errorf("%v: cannot be claimed: %w", a, err)
				return
			}
		}
	})
	return errors.Join(err, failed)
}

// respond answers until it is interrupted.
func respond(o *respondOptions, addrs []netip.Addr, out, errs io.Writer) (err error) {
	t, err := o.open()
	if err != nil {
		return err
	}
	defer t.Close()
	h, err := proto.NewHost(t, nil)
	if err != nil {
		return err
	}
	// From here on signals must end the program by its own way, on which the
	// kernel gets its voice back.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	caps := t.Caps()
	switch {
	case o.claim: // the kernel does not answer for these
	case o.kernel == "leave":
		fmt.Fprintf(errs, "%s: the kernel answers too: expect duplicates\n", program)
	default:
		k, e := silenceKernel(caps.V4, caps.V6)
		if e != nil {
			return e
		}
		defer func() { err = errors.Join(err, k.restore()) }()
	}
	r := &echo.Responder{Config: echo.ResponderConfig{
		Addrs: addrs, Delay: time.Duration(o.delay), Loss: float64(o.loss), Duplicate: float64(o.duplicate),
	}}
	var protocols []uint8
	if caps.V4 {
		protocols = append(protocols, 1)
	}
	if caps.V6 {
		protocols = append(protocols, 58)
	}
	b, err := h.HandleWith(r, &proto.Options{Protocols: protocols, Shared: true})
	if err != nil {
		return err
	}
	defer b.Close()
	if o.claim {
		if err := claim(b, o.device, addrs); err != nil {
			return err
		}
	}
	stop := watchStats(o, b, r, out)
	defer stop()
	if !o.quiet {
		fmt.Fprintf(out, "%s: answering echo requests\n", program)
	}
	if err := h.Run(ctx); err != nil {
		return err
	}
	stop()
	if !o.quiet {
		printStats(out, r.Stats())
	}
	return nil
}
