// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// A chain is the hosts a and b with routers between them, with the addresses of
// netlab.Line: the y-th interface on segment x has 10.77.x.y and fd77:x::y. The
// link of segment x is links[x-1].
type chain struct {
	n       *sim.Network
	a, b    *sim.Node
	routers []*sim.Node
	links   []*sim.Link
	ta, tb  *sim.Transport
}

func seg4(x, y int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, byte(x), byte(y)}), 24)
}

func seg6(x, y int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x77, 3: byte(x), 15: byte(y)}), 64)
}

// newChain makes one with links of a millisecond. mtu returns the MTU of a
// segment, from 1; nil means 1500. Handles of a and b take every protocol.
func newChain(t testing.TB, cfg *sim.Config, k *sim.KernelConfig, routers int, mtu func(segment int) int) *chain {
	t.Helper()
	c := &chain{n: sim.New(cfg)}
	c.a = mustNode(t)(c.n.Node("a"))
	last := c.a
	for i := range routers + 1 {
		x := i + 1
		var next *sim.Node
		if i < routers {
			next = mustNode(t)(c.n.Router(fmt.Sprintf("r%d", x), k))
			c.routers = append(c.routers, next)
		} else {
			c.b = mustNode(t)(c.n.Node("b"))
			next = c.b
		}
		lc := &sim.LinkConfig{Delay: time.Millisecond}
		if mtu != nil {
			lc.MTU = mtu(x)
		}
		addrs := func(y int) []netip.Prefix {
			ll := netip.PrefixFrom(netip.MustParseAddr(fmt.Sprintf("fe80::%x:%x", x, y)), 64)
			if lc.MTU != 0 && lc.MTU < 1280 {
				return []netip.Prefix{seg4(x, y)}
			}
			return []netip.Prefix{seg4(x, y), seg6(x, y), ll}
		}
		p := mustPort(t)(last.AddInterface(fmt.Sprintf("eth%d", min(i, 1)), addrs(1)...))
		q := mustPort(t)(next.AddInterface("eth0", addrs(2)...))
		l, err := c.n.Connect(p, q, lc)
		check(t, err)
		c.links = append(c.links, l)
		last = next
	}
	// Routes as netlab gives them: hosts a default route, routers one to each
	// other segment.
	six := func(x int) bool { return mtu == nil || mtu(x) == 0 || mtu(x) >= 1280 }
	check(t, c.a.AddRoute(sim.Default(seg4(1, 2).Addr())))
	check(t, c.b.AddRoute(sim.Default(seg4(routers+1, 1).Addr())))
	if six(1) {
		check(t, c.a.AddRoute(sim.Default(seg6(1, 2).Addr())))
	}
	if six(routers + 1) {
		check(t, c.b.AddRoute(sim.Default(seg6(routers+1, 1).Addr())))
	}
	for i, r := range c.routers {
		for x := range routers + 2 {
			own, y := i+2, 2 // towards b
			if x <= i {
				own, y = i+1, 1 // towards a
			}
			if x == 0 || x == i+1 || x == i+2 {
				continue
			}
			check(t, r.AddRoute(sim.Route{Dst: seg4(x, 0), Via: seg4(own, y).Addr()}))
			if six(x) && six(own) {
				check(t, r.AddRoute(sim.Route{Dst: seg6(x, 0), Via: seg6(own, y).Addr()}))
			}
		}
	}
	c.ta, c.tb = open(t, c.a, nil), open(t, c.b, nil)
	check(t, c.ta.Bind(transport.AnyProtocol))
	check(t, c.tb.Bind(transport.AnyProtocol))
	t.Cleanup(func() {
		for _, l := range c.links {
			forth, back := l.Stats()
			balanced(t, forth)
			balanced(t, back)
		}
		check(t, c.n.Close())
	})
	return c
}

// addresses of the ends of the chain.
func (c *chain) src4() netip.Addr { return seg4(1, 1).Addr() }
func (c *chain) dst4() netip.Addr { return seg4(len(c.routers)+1, 2).Addr() }
func (c *chain) src6() netip.Addr { return seg6(1, 1).Addr() }
func (c *chain) dst6() netip.Addr { return seg6(len(c.routers)+1, 2).Addr() }
