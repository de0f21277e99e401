// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
	"protean/transport/route"
)

// between is a host with two links, each with somebody at its other end.
func between(t *testing.T) (n *netlab.Node, one, other int) {
	n = netlab.Test(t, netlab.Topology{
		Nodes: []netlab.NodeSpec{{Name: "m"}, {Name: "a"}, {Name: "b"}},
		Links: []netlab.LinkSpec{{A: "m", B: "a"}, {A: "m", B: "b"}},
	}).Node("m")
	return n, n.Interfaces()[0].Index, n.Interfaces()[1].Index
}

// kernels are one that asks for each destination, and one whose destinations share
// answers.
func kernels(t *testing.T, n *netlab.Node) map[string]*route.Kernel {
	t.Helper()
	each, sharing := open(t, n), open(t, n)
	divide(t, n, sharing)
	return map[string]*route.Kernel{"asked": each, "shared": sharing}
}

// divide has destinations share answers, by those of all regions that are without a
// route.
func divide(t *testing.T, n *netlab.Node, k *route.Kernel) {
	t.Helper()
	for _, f := range n.Interfaces() {
		for _, dst := range []string{"198.51.100.1", "2001:db8::1"} {
			d := addr(dst)
			for range 40 {
				k.Lookup(d, f.Index)
				d = d.Next()
			}
		}
	}
	if answers, split := k.Shared(); answers == 0 || split {
		t.Errorf("%d answers are shared: that is no test", answers)
	}
}

// without wants no route to destinations through an interface.
func without(t *testing.T, n *netlab.Node, ifindex int, dsts map[string]string) {
	t.Helper()
	for how, k := range kernels(t, n) {
		for dst, what := range dsts {
			for range 2 { // asked, and remembered
				var e *route.Error
				r, err := k.Lookup(addr(dst), ifindex)
				if !errors.As(err, &e) || e.Type != route.NoRoute || e.Dst != addr(dst) || !errors.Is(err, unix.ENETUNREACH) {
					t.Errorf("%s, %s, %s: %+v, %v", what, dst, how, r, err)
				}
			}
		}
	}
}

// A wanted is the answer for a destination through an interface.
type wanted struct {
	what, dst string
	ifindex   int
	route     route.Route
}

func with(t *testing.T, n *netlab.Node, want []wanted) {
	t.Helper()
	for how, k := range kernels(t, n) {
		for _, w := range want {
			for range 2 {
				if got, err := k.Lookup(addr(w.dst), w.ifindex); err != nil || got != w.route {
					t.Errorf("%s, %s, %s: %+v, %v; want %+v", w.what, w.dst, how, got, err, w.route)
				}
			}
		}
	}
}

// TestADestinationWithoutARoute asks about one interface, which is what a host does that
// sends through it.
func TestADestinationWithoutARoute(t *testing.T) {
	m, one, other := between(t)
	add(t, m, kernelRoute{dst: "0.0.0.0/0", via: "10.77.2.2", ifindex: other})
	add(t, m, kernelRoute{dst: "::/0", via: "fd77:2::2", ifindex: other})
	add(t, m, kernelRoute{dst: "10.8.0.0/16", ifindex: other})
	for dst, kind := range map[string]uint8{
		"10.50.0.0/16": unix.RTN_BLACKHOLE, "10.51.0.0/16": unix.RTN_UNREACHABLE, "10.52.0.0/16": unix.RTN_PROHIBIT,
		"fd50::/64": unix.RTN_BLACKHOLE, "fd51::/64": unix.RTN_UNREACHABLE, "fd52::/64": unix.RTN_PROHIBIT,
	} {
		add(t, m, kernelRoute{dst: dst, kind: kind})
	}
	without(t, m, one, map[string]string{
		"10.199.0.1": "by a gateway of another interface", "fd99::1": "by a gateway of another interface",
		"10.8.0.1":    "on the link of another interface by a route",
		"10.77.2.2":   "on the link of another interface",
		"fd77:2::2":   "on the link of another interface",
		"10.77.2.1":   "this host, by another interface",
		"10.77.2.255": "all hosts on the link of another interface",
		"127.0.0.1":   "loopback", "::1": "loopback",
		"240.0.0.1": "reserved",
		"10.50.0.1": "blackhole", "fd50::1": "blackhole",
		"10.51.0.1": "unreachable", "fd51::1": "unreachable",
		"10.52.0.1": "prohibit", "fd52::1": "prohibit",
	})
	without(t, m, 1, map[string]string{"10.77.1.2": "a neighbour by the loopback interface", "10.199.0.1": "a gateway by the loopback interface"})
}

// What needs no gateway has a route all the same, or needs none.
func TestADestinationOnTheLinkOfAnInterface(t *testing.T) {
	m, one, other := between(t)
	add(t, m, kernelRoute{dst: "10.9.0.0/16", ifindex: one})
	add(t, m, kernelRoute{dst: "10.9.1.0/24", kind: unix.RTN_BLACKHOLE})
	add(t, m, kernelRoute{dst: "10.9.1.1/32", ifindex: one})
	add(t, m, kernelRoute{dst: "10.10.0.0/16", via: "10.9.0.7", ifindex: one})
	add(t, m, kernelRoute{dst: "10.11.0.0/16", ifindex: one, table: 99})
	addRule(t, m, "10.11.0.0/16", 99)
	add(t, m, kernelRoute{dst: "10.12.0.0/16", ifindex: other})
	add(t, m, kernelRoute{dst: "10.12.0.0/15", ifindex: one})
	unicast := func(src, next string) route.Route { return way(route.Unicast, src, next, one, 1500) }
	with(t, m, []wanted{
		{"a neighbour", "10.77.1.2", one, unicast("10.77.1.1", "10.77.1.2")},
		{"a route of the link", "10.9.0.1", one, unicast("10.77.1.1", "10.9.0.1")},
		{"one host, in what is refused", "10.9.1.1", one, unicast("10.77.1.1", "10.9.1.1")},
		{"a gateway on the link by a route", "10.10.0.1", one, unicast("10.77.1.1", "10.9.0.7")},
		{"by a rule", "10.11.0.1", one, unicast("10.77.1.1", "10.11.0.1")},
		{"by the second best route", "10.12.0.1", one, unicast("10.77.1.1", "10.12.0.1")},
		{"by the best", "10.12.0.1", other, way(route.Unicast, "10.77.2.1", "10.12.0.1", other, 1500)},
		{"a group of the link", "224.0.0.5", one, way(route.Multicast, "10.77.1.1", "224.0.0.5", one, 1500)},
		{"a group", "239.1.1.1", one, way(route.Multicast, "10.77.1.1", "239.1.1.1", one, 1500)},
		{"all hosts", "255.255.255.255", one, way(route.Broadcast, "10.77.1.1", "255.255.255.255", one, 1500)},
		{"all hosts on the link", "10.77.1.255", one, way(route.Broadcast, "10.77.1.1", "10.77.1.255", one, 1500)},
		{"this host", "10.77.1.1", one, way(route.Local, "10.77.1.1", "10.77.1.1", 1, 65535)},
		{"this host by the loopback interface", "10.77.1.1", 1, way(route.Local, "10.77.1.1", "10.77.1.1", 1, 65535)},
		{"loopback by its interface", "127.0.0.1", 1, way(route.Local, "127.0.0.1", "127.0.0.1", 1, 65535)},
	})
	add(t, m, kernelRoute{dst: "0.0.0.0/0", ifindex: one}) // as for a tunnel
	with(t, m, []wanted{
		{"by a default route without a gateway", "198.51.100.7", one, unicast("10.77.1.1", "198.51.100.7")},
		{"reserved", "240.0.0.1", one, unicast("10.77.1.1", "240.0.0.1")},
	})
}

// Through an interface without an address, groups and all hosts are reached, and what
// there is a route for.
func TestALinkWithoutAnAddress(t *testing.T) {
	m, one, _ := between(t)
	p := netip.MustParsePrefix("10.77.1.1/24")
	change(t, m, func(c *rtnetlink.Conn) error {
		return c.Address.Delete(&rtnetlink.AddressMessage{
			Family: unix.AF_INET, PrefixLength: uint8(p.Bits()), Index: uint32(one),
			Attributes: &rtnetlink.AddressAttributes{Address: p.Addr().AsSlice(), Local: p.Addr().AsSlice()},
		})
	})
	groups := []wanted{ // the source is that of the other interface
		{"a group", "224.0.0.5", one, way(route.Multicast, "10.77.2.1", "224.0.0.5", one, 1500)},
		{"a group", "239.1.1.1", one, way(route.Multicast, "10.77.2.1", "239.1.1.1", one, 1500)},
		{"all hosts", "255.255.255.255", one, way(route.Broadcast, "10.77.2.1", "255.255.255.255", one, 1500)},
	}
	without(t, m, one, map[string]string{"10.77.1.2": "who is there"})
	with(t, m, groups)
	add(t, m, kernelRoute{dst: "10.77.1.0/24", ifindex: one})
	with(t, m, append(groups, wanted{"who is there", "10.77.1.2", one, way(route.Unicast, "10.77.2.1", "10.77.1.2", one, 1500)}))
}
