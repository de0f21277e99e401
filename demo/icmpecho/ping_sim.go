// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"protean/demo/icmpecho/echo"
	"protean/proto"
	"protean/transport/sim"
)

// simCount is the number of requests in a simulation that has no other end.
const simCount = 5

// The hosts of the simulated network: here is the one that asks.
var (
	simHere   = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fd00::1/64")}
	simThere4 = "10.0.0.2"
	simThere6 = "fd00::2"
)

// pingSim runs pingers and a responder on two hosts in memory, in virtual time.
func pingSim(c *cobra.Command, o *pingOptions, args []string) error {
	if o.from != "" {
		return fmt.Errorf("-I is not for --transport sim")
	}
	if o.count == 0 && o.deadline == 0 {
		o.count = simCount
	}
	targets, err := simTargets(o, args)
	if err != nil {
		return err
	}
	n := sim.New(&sim.Config{Seed: o.link.seed})
	defer n.Close()
	asker, answerer, err := simHosts(n, o, targets)
	if err != nil {
		return err
	}
	r := &echo.Responder{}
	if _, err := answerer.HandleWith(r, &proto.Options{Protocols: []uint8{1, 58}, Shared: true}); err != nil {
		return err
	}
	left := len(targets)
	s := newSession(o, targets, c.OutOrStdout(), c.ErrOrStderr(), nil, func() { left-- })
	if err := s.start(asker); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	done := func() bool { return left == 0 || ctx.Err() != nil }
	for !done() {
		if _, err := n.Step(); err != nil {
			return err
		}
	}
	if left > 0 { // interrupted
		for i, b := range s.bindings {
			if err := b.Do(func(env *proto.Env) { s.pingers[i].Interrupt(env) }); err != nil {
				return err
			}
		}
	}
	return s.close(o)
}

// simTargets takes addresses only: there is nobody to ask for names.
func simTargets(o *pingOptions, args []string) ([]target, error) {
	if len(args) == 0 {
		args = []string{simThere4}
		if o.only6 {
			args = []string{simThere6}
		}
	}
	var all []target
	for _, host := range args {
		a, err := netip.ParseAddr(host)
		if err != nil {
			return nil, fmt.Errorf("%s: is not an address; --transport sim has no names", host)
		}
		a = a.Unmap()
		if err := o.family(a); err != nil {
			return nil, err
		}
		if a.Zone() != "" || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() {
			return nil, fmt.Errorf("%s: --transport sim takes unicast addresses without a zone", host)
		}
		for _, own := range simHere {
			if own.Addr() == a {
				return nil, fmt.Errorf("%s: is the asking host itself", host)
			}
		}
		all = append(all, target{host: host, addr: a})
	}
	return all, nil
}

// simHosts builds the two hosts; the second has the addresses of the targets.
func simHosts(n *sim.Network, o *pingOptions, targets []target) (asker, answerer *proto.Host, err error) {
	var there []netip.Prefix
	seen := map[netip.Addr]bool{}
	for _, t := range targets {
		if !seen[t.addr] {
			there = append(there, netip.PrefixFrom(t.addr, t.addr.BitLen()))
		}
		seen[t.addr] = true
	}
	asker, here, err := simHost(n, "here", o.link.seed*2+1, simHere)
	if err != nil {
		return nil, nil, err
	}
	answerer, away, err := simHost(n, "there", o.link.seed*2+2, there)
	if err != nil {
		return nil, nil, err
	}
	if _, err := n.Connect(here, away, o.link.config()); err != nil {
		return nil, nil, err
	}
	return asker, answerer, n.Run(time.Duration(0))
}

func simHost(n *sim.Network, name string, seed uint64, addrs []netip.Prefix) (*proto.Host, *sim.Port, error) {
	node, err := n.Node(name)
	if err != nil {
		return nil, nil, err
	}
	port, err := node.AddInterface("eth0", addrs...)
	if err != nil {
		return nil, nil, err
	}
	t, err := node.Open(nil)
	if err != nil {
		return nil, nil, err
	}
	h, err := proto.NewHost(t, &proto.Config{Seed: seed})
	if err != nil {
		return nil, nil, err
	}
	return h, port, n.Attach(t, h)
}
