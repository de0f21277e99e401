// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/sim"
)

// typeAndCode of the only answer among what a handle received; -1 if there is
// none.
func typeAndCode(t *testing.T, h transport.Transport) (typ, code int) {
	t.Helper()
	got := packets(receive(t, h))
	if len(got) == 0 {
		return -1, -1
	}
	if len(got) > 1 {
		t.Errorf("%d answers", len(got))
	}
	b := got[0].pk.Payload()
	return int(b[0]), int(b[1])
}

func TestAKernelIsSilentAboutWhatItIsToldTo(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		for _, c := range []struct {
			kind sim.Messages
			b    func(r *rig) []byte
			typ  [2]int
		}{
			{sim.TimeExceeded, func(r *rig) []byte { return ttl(udp(r.src(v6), r.dst(v6), 10), 1) }, [2]int{11, 3}},
			{sim.FragNeeded, func(r *rig) []byte { return dontFragment(udp(r.src(v6), r.dst(v6), 1450)) }, [2]int{3, 2}},
			{sim.NoRoutes, func(r *rig) []byte {
				return udp(r.src(v6), map[bool]netip.Addr{false: addr("8.8.8.8"), true: addr("2001:db8::8")}[v6], 10)
			}, [2]int{3, 1}},
			{sim.HostUnreachable, func(r *rig) []byte { return udp(r.src(v6), segment(v6, 4, 77), 10) }, [2]int{3, 1}},
			{sim.PortUnreachable, func(r *rig) []byte { return udp(r.src(v6), segment(v6, 1, 2), 10) }, [2]int{3, 1}},
			{sim.ProtocolUnreachable, func(r *rig) []byte { return packet(r.src(v6), segment(v6, 1, 2), 200, nil) }, [2]int{3, 4}},
			{sim.EchoReplies, func(r *rig) []byte { return echoRequest(r.src(v6), segment(v6, 1, 2), 1, 1, 10) }, [2]int{0, 129}},
		} {
			for _, silent := range []sim.Messages{0, c.kind, sim.AllMessages, sim.AllMessages &^ c.kind} {
				n := newChain(t, nil, &sim.KernelConfig{Silent: silent}, rigRouters, rigMTU)
				check(t, send(t, n.ta, c.b(&rig{})))
				check(t, n.n.Run(10*time.Second))
				want := c.typ[0]
				if v6 {
					want = c.typ[1]
				}
				if silent&c.kind != 0 {
					want = -1
				}
				if typ, _ := typeAndCode(t, n.ta); typ != want {
					t.Errorf("%#x, silent about %#x, IPv6 %v: type %d, want %d", c.kind, silent, v6, typ, want)
				}
				var s uint64
				for _, r := range n.routers {
					s += r.Stats().Silent
				}
				if (s == 1) != (want == -1) {
					t.Errorf("%d messages counted as not sent", s)
				}
			}
		}
	}
}

func TestRoutesThatLetNothingPass(t *testing.T) {
	for _, c := range []struct {
		kind        sim.RouteKind
		typ4, code4 int
		typ6, code6 int
		dropped     transport.DropReason
	}{
		{sim.Blackhole, -1, -1, -1, -1, transport.Filtered},
		{sim.Unreachable, 3, 1, 1, 0, transport.Filtered},
		{sim.Prohibit, 3, 13, 1, 1, transport.Filtered},
	} {
		n := newChain(t, nil, nil, 1, nil)
		r := n.routers[0]
		check(t, r.AddRoute(sim.Route{Dst: netip.MustParsePrefix("10.77.2.2/32"), Kind: c.kind}))
		check(t, r.AddRoute(sim.Route{Dst: netip.MustParsePrefix("fd77:2::2/128"), Kind: c.kind}))
		check(t, send(t, n.ta, udp(n.src4(), n.dst4(), 10)))
		check(t, n.n.Run(time.Second))
		if typ, code := typeAndCode(t, n.ta); typ != c.typ4 || code != c.code4 {
			t.Errorf("kind %d: type %d code %d", c.kind, typ, code)
		}
		check(t, send(t, n.ta, udp(n.src6(), n.dst6(), 10)))
		check(t, n.n.Run(time.Second))
		if typ, code := typeAndCode(t, n.ta); typ != c.typ6 || code != c.code6 {
			t.Errorf("kind %d: type %d code %d", c.kind, typ, code)
		}
		if d := r.Stats().Dropped; d[c.dropped] != 2 {
			t.Errorf("kind %d: %v", c.kind, d)
		}
		check(t, r.RemoveRoute(netip.MustParsePrefix("10.77.2.2/32")))
		check(t, send(t, n.ta, udp(n.src4(), n.dst4(), 10)))
		check(t, n.n.Run(time.Second))
		if got := len(packets(receive(t, n.tb))); got != 1 {
			t.Errorf("kind %d: %d packets arrive without the route", c.kind, got)
		}
	}
}

func TestPacketsWaitForANeighbourThatComes(t *testing.T) {
	n := newChain(t, nil, nil, 1, nil)
	late := seg4(2, 9).Addr()
	for range 3 {
		check(t, send(t, n.ta, udp(n.src4(), late, 10)))
	}
	check(t, n.n.Run(time.Second))
	check(t, n.tb.Claim(2, late, nil))
	check(t, n.n.Run(4*time.Second))
	if got := len(packets(receive(t, n.tb))); got != 3 {
		t.Errorf("%d packets", got)
	}
	// Those of a neighbour that does not come are given up, as many as there
	// are, the first of them when more than 101 wait.
	for range 110 {
		check(t, send(t, n.ta, udp(n.src4(), seg4(2, 10).Addr(), 10)))
	}
	check(t, n.n.Run(2*time.Second))
	if d := n.routers[0].Stats().Dropped[transport.NoRoute]; d != 9 {
		t.Errorf("%d packets given up", d)
	}
	check(t, n.n.Run(2*time.Second))
	if d := n.routers[0].Stats().Dropped[transport.NoRoute]; d != 110 {
		t.Errorf("%d packets given up", d)
	}
	// A crash forgets them in silence.
	check(t, send(t, n.ta, udp(n.src4(), seg4(2, 10).Addr(), 10)))
	check(t, n.n.Run(time.Second))
	receive(t, n.ta)
	n.routers[0].Crash()
	check(t, n.n.Run(10*time.Second))
	if typ, _ := typeAndCode(t, n.ta); typ != -1 {
		t.Errorf("a crashed router sent ICMP type %d", typ)
	}
}

func TestFragmentsOfARouterAreCutAsTheHostWould(t *testing.T) {
	n := newChain(t, nil, nil, rigRouters, rigMTU)
	b := udp(n.src4(), n.dst4(), 1450)
	check(t, send(t, n.ta, b))
	check(t, n.n.Run(time.Second))
	var sizes, offsets []int
	whole := make([]byte, len(b)-20)
	for _, g := range packets(receive(t, n.tb)) {
		ip := wire.IPv4(g.data)
		sizes, offsets = append(sizes, len(g.data)), append(offsets, ip.FragmentOffset())
		copy(whole[ip.FragmentOffset():], ip.Payload())
		if ip.ID() != 1 {
			t.Errorf("identification %d", ip.ID())
		}
	}
	// 1400 holds 1376 of 1458 bytes; 1300 holds 1280 of those.
	if !slices.Equal(sizes, []int{1300, 116, 102}) || !slices.Equal(offsets, []int{0, 1280, 1376}) {
		t.Errorf("fragments of %v at %v", sizes, offsets)
	}
	if !slices.Equal(whole, b[20:]) {
		t.Error("they do not add up to the packet")
	}
}

func TestTapsTellWhatBecomesOfPacketsInNodes(t *testing.T) {
	n := newChain(t, nil, nil, 1, nil)
	var told []string
	n.n.Tap(func(tr sim.Trace) {
		if tr.Node != "" {
			told = append(told, tr.Node+" "+tr.Fate.String()+" "+tr.Link)
		}
	})
	first, second := n.links[0].Name(), n.links[1].Name()
	for _, c := range []struct {
		b    []byte
		want []string
	}{
		{udp(n.src4(), n.dst4(), 10), []string{"r1 forwarded " + first}},
		{ttl(udp(n.src4(), n.dst4(), 10), 1), []string{"r1 generated " + first, "r1 TTL exceeded " + first}},
		{udp(n.src4(), addr("8.8.8.8"), 10), []string{"r1 generated " + first, "r1 no route " + first}},
		{udp(n.src4(), seg4(2, 77).Addr(), 10), []string{"r1 forwarded " + first, "r1 generated " + first, "r1 no neighbour " + second}},
		{udp(addr("127.0.0.9"), n.dst4(), 10), []string{"r1 rejected " + first}},
	} {
		told = nil
		check(t, send(t, n.ta, c.b))
		check(t, n.n.Run(10*time.Second))
		if !slices.Equal(told, c.want) {
			t.Errorf("told %q, want %q", told, c.want)
		}
	}
}
