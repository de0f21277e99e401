// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"protean/transport"
	"protean/transport/sim"
)

var addr = netip.MustParseAddr

func TestANodeTakesWhatIsForIt(t *testing.T) {
	a6 := addr("2001:db8::1")
	for _, c := range []struct {
		name string
		dst  string
		typ  transport.PacketType
		take bool // without ReceiveForeign
	}{
		{"its address", "10.0.0.2", transport.PacketHost, true},
		{"the address of its other interface", "192.168.0.1", transport.PacketHost, true},
		{"another address", "10.0.0.99", transport.PacketOtherHost, false},
		{"the limited broadcast address", "255.255.255.255", transport.PacketBroadcast, true},
		{"the broadcast address of its prefix", "10.0.0.255", transport.PacketBroadcast, true},
		{"the broadcast address of its other interface", "192.168.0.255", transport.PacketOtherHost, false},
		{"all hosts", "224.0.0.1", transport.PacketMulticast, true},
		{"a group nobody joined", "224.0.0.5", transport.PacketMulticast, false},
		{"its IPv6 address", "2001:db8::2", transport.PacketHost, true},
		{"the IPv6 address of its other interface", "2001:db8:1::1", transport.PacketHost, true},
		{"another IPv6 address", "2001:db8::99", transport.PacketOtherHost, false},
		{"its link-local address", "fe80::2", transport.PacketHost, true},
		{"the link-local address of its other interface", "fe80::3", transport.PacketOtherHost, false},
		{"all nodes", "ff02::1", transport.PacketMulticast, true},
		{"all nodes of the interface", "ff01::1", transport.PacketMulticast, true},
		{"its solicited-node group", "ff02::1:ff00:2", transport.PacketMulticast, true},
		{"another solicited-node group", "ff02::1:ff00:9", transport.PacketMulticast, false},
		{"an IPv6 group nobody joined", "ff02::5", transport.PacketMulticast, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, nil, nil)
			mustPort(t)(p.b.AddInterface("eth1", prefixes("192.168.0.1/24", "2001:db8:1::1/64", "fe80::3/64")...))
			all := open(t, p.b, nil)
			check(t, all.ReceiveForeign(true))
			any := open(t, p.b, nil)
			check(t, any.Unbind(proto))
			check(t, any.Bind(transport.AnyProtocol))
			unbound := open(t, p.b, nil)
			check(t, unbound.Unbind(proto))

			dst := addr(c.dst)
			pkt := ip6(a6, dst, 60)
			if dst.Is4() {
				pkt = ip4(addrA, dst, 60)
			}
			check(t, send(t, p.ta, pkt))
			check(t, p.n.Run(0))
			for _, h := range []struct {
				h    *sim.Transport
				want bool
			}{{p.tb, c.take}, {any, c.take}, {all, true}, {unbound, false}} {
				got := packets(receive(t, h.h))
				if (len(got) == 1) != h.want {
					t.Errorf("%v: %d packets", h.h, len(got))
				}
				for _, g := range got {
					if g.pk.Type() != c.typ || g.pk.IfIndex != 2 || !g.pk.Known(transport.FieldsAll4|transport.FieldsAll6) ||
						g.pk.TimeSource() != transport.TimeKernel || !g.at.Equal(p.n.Now()) {
						t.Errorf("type %d, interface %d, time %v by %d", g.pk.Type(), g.pk.IfIndex, g.at, g.pk.TimeSource())
					}
				}
			}
		})
	}
}

func TestPacketsOfANodeToItselfStayThere(t *testing.T) {
	p := newPair(t, nil, &sim.LinkConfig{Loss: 1})
	for _, dst := range []string{"10.0.0.1", "127.0.0.1", "127.8.8.8"} {
		check(t, send(t, p.ta, ip4(addrA, addr(dst), 60), func(s *transport.Slot) { s.IfIndex = 2 }))
	}
	for _, dst := range []string{"2001:db8::1", "fe80::1", "::1"} {
		check(t, send(t, p.ta, ip6(addr("2001:db8::1"), addr(dst), 60)))
	}
	check(t, p.n.Run(0))
	got := packets(receive(t, p.ta))
	for _, g := range got {
		if g.pk.IfIndex != 1 || g.pk.Type() != transport.PacketHost {
			t.Errorf("to %v: interface %d, type %d", g.pk.Dst(), g.pk.IfIndex, g.pk.Type())
		}
	}
	if len(got) != 6 {
		t.Errorf("%d packets", len(got))
	}
}

func TestPacketsNobodyWantsAreCountedByReason(t *testing.T) {
	p := newPair(t, nil, nil)
	for _, dst := range []string{"10.0.0.99", "10.0.0.98", "224.0.0.5", "10.0.0.2"} {
		check(t, send(t, p.ta, ip4(addrA, addr(dst), 60)))
	}
	check(t, p.tb.Unbind(proto))
	for _, dst := range []string{"10.0.0.2", "224.0.0.5", "10.0.0.99"} {
		check(t, send(t, p.ta, ip4(addrA, addr(dst), 60)))
	}
	check(t, p.n.Run(0))
	s := p.b.Stats()
	// Nothing was bound when they arrived: 3 are to other hosts.
	if s.Received != 7 || s.Dropped[transport.NotLocal] != 3 || s.Dropped[transport.NoHandler] != 4 {
		t.Errorf("%+v", s)
	}
	check(t, p.tb.Bind(proto))
	check(t, send(t, p.ta, ip4(addrA, addr("224.0.0.5"), 60)))
	check(t, p.n.Run(0))
	if s := p.b.Stats(); s.Dropped[transport.NotLocal] != 4 {
		t.Errorf("%+v", s)
	}
}

func TestEveryHandleGetsACopyOfItsOwn(t *testing.T) {
	p := newPair(t, nil, nil)
	second := open(t, p.b, nil)
	check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	check(t, p.n.Run(0))
	if _, err := p.tb.Queues()[0].Recv(overwriter{}, 1); err != nil {
		t.Fatal(err)
	}
	got := packets(receive(t, second))
	if len(got) != 1 || !slices.Equal(got[0].data, ip4(addrA, addrB, 60)) {
		t.Errorf("the second handle received %v", got)
	}
}

// An overwriter overwrites what it receives, as a sink may.
type overwriter struct{}

func (overwriter) Deliver(p *transport.Packet) {
	for i := range p.Data {
		p.Data[i] = 0xff
	}
	*p = transport.Packet{}
}
func (overwriter) Event(*transport.Event) {}

func TestGroupsAreJoinedPerInterfaceAndSource(t *testing.T) {
	p := newPair(t, nil, nil)
	g4, g6 := addr("232.1.1.1"), addr("ff35::8000:1")
	s4, s6 := addr("10.0.0.50"), addr("2001:db8::50")
	count := func() (n int) {
		t.Helper()
		for _, src := range []netip.Addr{addrA, s4} {
			check(t, send(t, p.ta, ip4(src, g4, 60)))
		}
		for _, src := range []netip.Addr{addr("2001:db8::1"), s6} {
			check(t, send(t, p.ta, ip6(src, g6, 60)))
		}
		check(t, p.n.Run(0))
		return len(packets(receive(t, p.tb)))
	}
	want := func(n int, after string) {
		t.Helper()
		if got := count(); got != n {
			t.Errorf("after %s: %d packets, want %d", after, got, n)
		}
	}
	b := p.tb
	want(0, "nothing")
	check(t, b.Join(1, g4))
	want(0, "joining on another interface")
	check(t, b.Join(2, g4))
	check(t, b.Join(2, g4))
	want(2, "joining twice")
	check(t, b.Leave(2, g4))
	want(0, "leaving")
	check(t, b.Join(2, g4, s4))
	check(t, b.Join(2, g6, s6, addr("2001:db8::51")))
	want(2, "joining by source")
	check(t, b.Join(2, g4))
	want(3, "joining without source, too")
	check(t, b.Leave(2, g4, s4))
	want(3, "leaving the source that made no difference")
	check(t, b.Leave(2, g6, s6))
	want(2, "leaving a source")
	check(t, b.Leave(2, g6))
	check(t, b.Leave(2, g4))
	want(0, "leaving everything")

	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"no interface", b.Join(0, g4), syscall.ENODEV},
		{"an interface that does not exist", b.Join(3, g4), syscall.ENODEV},
		{"a unicast address", b.Join(2, addrB), syscall.EINVAL},
		{"no address", b.Join(2, netip.Addr{}), syscall.EINVAL},
		{"a source of the other family", b.Join(2, g4, s6), syscall.EINVAL},
		{"a group as source", b.Join(2, g4, g4), syscall.EINVAL},
		{"leaving what was not joined", b.Leave(2, g4), syscall.EADDRNOTAVAIL},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, c.err, c.want)
		}
	}
}

func TestRoutes(t *testing.T) {
	n := sim.New(nil)
	a := mustNode(t)(n.Node("a"))
	b := mustNode(t)(n.Node("b"))
	connect := func(name, pa, pb string, mtu int) {
		x := mustPort(t)(a.AddInterface(name, prefixes(pa, "fe80::1/64")...))
		y := mustPort(t)(b.AddInterface(name, prefixes(pb, "fe80::2/64")...))
		_, err := n.Connect(x, y, &sim.LinkConfig{MTU: mtu})
		check(t, err)
	}
	ta := open(t, a, nil)
	if _, err := ta.Route(addrB, 0); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("without an interface: %v", err)
	}
	connect("eth0", "10.0.0.1/8", "10.0.0.2/8", 1500)
	if r, err := ta.Route(addr("8.8.8.8"), 0); err != nil || r.IfIndex != 2 {
		t.Errorf("with one interface: %v, %v", r, err)
	}
	connect("eth1", "10.1.0.1/16", "10.1.0.2/16", 1400)
	connect("eth2", "2001:db8::1/64", "2001:db8::2/64", 1300)
	for _, c := range []struct {
		dst     string
		ifindex int
		want    transport.Route
		err     error
	}{
		{"10.0.0.9", 0, transport.Route{Src: addr("10.0.0.1"), IfIndex: 2, MTU: 1500}, nil},
		{"10.1.0.9", 0, transport.Route{Src: addr("10.1.0.1"), IfIndex: 3, MTU: 1400}, nil},
		{"10.1.0.9", 2, transport.Route{Src: addr("10.0.0.1"), IfIndex: 2, MTU: 1500}, nil},
		{"::ffff:10.1.0.9", 0, transport.Route{Src: addr("10.1.0.1"), IfIndex: 3, MTU: 1400}, nil},
		{"2001:db8::9", 0, transport.Route{Src: addr("2001:db8::1"), IfIndex: 4, MTU: 1300}, nil},
		{"fe80::9%eth1", 0, transport.Route{Src: addr("fe80::1"), IfIndex: 3, MTU: 1400}, nil},
		{"fe80::9", 4, transport.Route{Src: addr("fe80::1"), IfIndex: 4, MTU: 1300}, nil},
		{"ff02::5", 4, transport.Route{Src: addr("fe80::1"), IfIndex: 4, MTU: 1300}, nil},
		{"2001:db8:9::9", 4, transport.Route{Src: addr("2001:db8::1"), IfIndex: 4, MTU: 1300}, nil},
		{"10.1.0.1", 0, transport.Route{Src: addr("10.1.0.1"), IfIndex: 1, MTU: 65536}, nil},
		{"10.1.0.1", 2, transport.Route{Src: addr("10.1.0.1"), IfIndex: 1, MTU: 65536}, nil},
		{"127.9.9.9", 0, transport.Route{Src: addr("127.9.9.9"), IfIndex: 1, MTU: 65536}, nil},
		{"::1", 0, transport.Route{Src: addr("::1"), IfIndex: 1, MTU: 65536}, nil},
		{"224.0.0.5", 3, transport.Route{Src: addr("10.1.0.1"), IfIndex: 3, MTU: 1400}, nil},
		{"10.0.0.9", 4, transport.Route{IfIndex: 4, MTU: 1300}, nil}, // no address of the family
		{"8.8.8.8", 0, transport.Route{}, syscall.ENETUNREACH},
		{"224.0.0.5", 0, transport.Route{}, syscall.ENETUNREACH},
		{"255.255.255.255", 0, transport.Route{}, syscall.ENETUNREACH},
		{"fe80::9", 0, transport.Route{}, syscall.ENETUNREACH},
		{"0.0.0.0", 0, transport.Route{}, syscall.ENETUNREACH},
		{"10.0.0.9", 5, transport.Route{}, syscall.ENODEV},
		{"10.0.0.9", -1, transport.Route{}, syscall.ENODEV},
		{"fe80::9%eth7", 0, transport.Route{}, syscall.ENODEV},
	} {
		dst := addr(c.dst)
		r, err := ta.Route(dst, c.ifindex)
		if c.err == nil {
			c.want.NextHop = dst.Unmap().WithZone("")
		}
		if r != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s through %d: %+v, %v, want %+v, %v", c.dst, c.ifindex, r, err, c.want, c.err)
		}
	}
}

func TestAFullQueueIsReported(t *testing.T) {
	p := newPair(t, nil, nil)
	small := open(t, p.b, &sim.OpenConfig{Queue: 3})
	for range 2 {
		for range 10 {
			check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
		}
		check(t, p.n.Run(0))
		got := receive(t, small)
		if len(got) != 4 || got[0].event != transport.PacketsLost || got[0].lost != 7 {
			t.Errorf("received %+v", got)
		}
	}
	if s := small.Stats(); s.Lost != 14 || s.Received != 6 || s.Delivered != 6 || s.ReceivedBytes != 360 {
		t.Errorf("%+v", s)
	}
	if n := len(packets(receive(t, p.tb))); n != 20 {
		t.Errorf("the other handle received %d", n)
	}
}

func TestPacketsThatWaitAreDroppedByUnbindAndClose(t *testing.T) {
	p := newPair(t, nil, nil)
	check(t, p.tb.Bind(254))
	other := ip4(addrA, addrB, 60)
	other[9] = 254
	for range 5 {
		check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
		check(t, send(t, p.ta, other))
	}
	check(t, p.n.Run(0))
	check(t, p.tb.Unbind(proto))
	check(t, p.tb.Bind(proto))
	if s := p.tb.Stats(); s.Dropped[transport.Closed] != 5 {
		t.Errorf("%+v", s)
	}
	var c counter
	if n, err := p.tb.Queues()[0].Recv(&c, 2); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	check(t, p.tb.Close())
	if s := p.tb.Stats(); s.Received != 10 || s.Delivered != 2 || s.Dropped[transport.Closed] != 8 {
		t.Errorf("%+v", s)
	}
}
