// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
	"protean/transport/sim"
)

func TestTheHeaderIsCompletedAsTheKernelDoes(t *testing.T) {
	p := newPair(t, nil, nil)
	b := ip4(addrA, addrB, 40)
	clear(b[2:6])   // total length, identification
	clear(b[12:16]) // source
	b[10], b[11] = 0xde, 0xad
	check(t, send(t, p.ta, b))
	check(t, send(t, p.ta, b))
	check(t, p.n.Run(0))
	all := packets(receive(t, p.tb))
	if len(all) != 2 {
		t.Fatalf("%d packets arrived", len(all))
	}
	first, second := all[0].pk, all[1].pk
	switch {
	case first.Len != 40, first.Src() != addrA, !checksum.Verify(first.Data[:20]):
		t.Errorf("header % x", first.Header())
	case first.ID() == 0, first.ID() == second.ID():
		t.Errorf("identifications %d and %d", first.ID(), second.ID())
	}
	full := ip4(addrZ, addrB, 40) // not our address: raw sockets may
	check(t, send(t, p.ta, full))
	six := ip6(netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), 1500)
	check(t, send(t, p.ta, six))
	check(t, p.n.Run(0))
	all = packets(receive(t, p.tb))
	if len(all) != 2 || !bytes.Equal(all[0].data, full) || !bytes.Equal(all[1].data, six) {
		t.Errorf("a complete header was changed")
	}
}

func TestPacketsThatCannotBeSentAreRefused(t *testing.T) {
	change := func(b []byte, f func(b []byte)) []byte { f(b); return b }
	six := func(size int) []byte {
		return ip6(netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), size)
	}
	for _, c := range []struct {
		name string
		data []byte
		more func(s *transport.Slot)
		want error
	}{
		{"nothing", nil, nil, wire.TooShort},
		{"half a header", ip4(addrA, addrB, 40)[:19], nil, wire.TooShort},
		{"version 5", change(ip4(addrA, addrB, 40), func(b []byte) { b[0] = 0x55 }), nil, wire.BadVersion},
		{"a header length below 20", change(ip4(addrA, addrB, 40), func(b []byte) { b[0] = 0x44 }), nil, wire.BadHeaderLen},
		{"a header longer than the packet", change(ip4(addrA, addrB, 40), func(b []byte) { b[0] = 0x4f }), nil, wire.BadTotalLen},
		{"the same with a length to fill in", change(ip4(addrA, addrB, 40), func(b []byte) { b[0] = 0x4f; b[3] = 0 }), nil, wire.BadTotalLen},
		{"a total length above the packet's", change(ip4(addrA, addrB, 40), func(b []byte) { b[3]++ }), nil, wire.Truncated},
		{"a total length below the packet's", change(ip4(addrA, addrB, 40), func(b []byte) { b[3]-- }), nil, wire.BadTotalLen},
		{"half an IPv6 header", six(80)[:39], nil, wire.TooShort},
		{"an IPv6 payload length above the packet's", change(six(80), func(b []byte) { b[5]++ }), nil, wire.Truncated},
		{"an IPv6 payload length below the packet's", change(six(80), func(b []byte) { b[5]-- }), nil, wire.BadTotalLen},
		{"a broken extension header", change(six(80), func(b []byte) { b[6] = 60; b[41] = 200 }), nil, wire.BadExtension},
		{"an interface that does not exist", ip4(addrA, addrB, 40), func(s *transport.Slot) { s.IfIndex = 9 }, syscall.ENODEV},
		{"a negative interface", ip4(addrA, addrB, 40), func(s *transport.Slot) { s.IfIndex = -1 }, syscall.ENODEV},
		{"the loopback interface", ip4(addrA, addrB, 40), func(s *transport.Slot) { s.IfIndex = 1 }, syscall.ENETUNREACH},
		{"no destination", ip4(addrA, netip.IPv4Unspecified(), 40), nil, syscall.ENETUNREACH},
		{"more than the MTU", ip4(addrA, addrB, 1501), nil, syscall.EMSGSIZE},
		{"more than IPv4 has", ip4(addrA, addrA, 65536), nil, syscall.EMSGSIZE},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, nil, nil)
			data := bytes.Clone(c.data)
			var kept []byte
			err := send(t, p.ta, data, func(s *transport.Slot) {
				kept = s.Data
				if c.more != nil {
					c.more(s)
				}
			})
			var oe *net.OpError
			var tb *transport.TooBigError
			switch {
			case !errors.Is(err, c.want):
				t.Fatalf("error %v, want %v", err, c.want)
			case errors.As(err, &tb):
				if tb.Size != len(c.data) || tb.MTU >= tb.Size || tb.MTU < 1500 {
					t.Errorf("%+v", tb)
				}
			case !errors.As(err, &oe) || oe.Op != "write" || oe.Net != "sim":
				t.Errorf("error %#v, want a *net.OpError", err)
			}
			if !bytes.Equal(kept, c.data) {
				t.Errorf("a packet that was refused was changed")
			}
			if s := p.ta.Stats(); s.Refused != 1 || s.Committed != 0 {
				t.Errorf("%+v", s)
			}
			check(t, p.n.Run(time.Second))
			if s := p.b.Stats(); s.Received != 0 {
				t.Errorf("it arrived nevertheless")
			}
		})
	}
}

func TestTheMTUIsThatOfTheOutgoingLink(t *testing.T) {
	p := newPair(t, nil, &sim.LinkConfig{MTU: 1400})
	check(t, send(t, p.ta, ip4(addrA, addrB, 1400)))
	err := send(t, p.ta, ip4(addrA, addrB, 1401))
	var tb *transport.TooBigError
	if !errors.As(err, &tb) || tb.MTU != 1400 || tb.Size != 1401 {
		t.Errorf("error %v", err)
	}
	check(t, send(t, p.ta, ip4(addrA, addrA, 1401)))  // to itself
	check(t, send(t, p.ta, ip4(addrA, addrA, 65535))) // its MTU is 65536
	if s, _ := p.link.Stats(); s.TooBig != 1 || s.Offered != 2 {
		t.Errorf("%+v", s)
	}
	check(t, p.n.Run(0))
	if all := packets(receive(t, p.ta)); len(all) != 2 || all[0].pk.IfIndex != 1 || len(all[1].data) != 65535 {
		t.Errorf("%d packets from the node to itself", len(all))
	}
}

func TestBuffersOfEverySizeArriveWhole(t *testing.T) {
	p := newPair(t, nil, &sim.LinkConfig{MTU: 65575, Duplicate: 1})
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	for range 2 { // the second time in memory that was used before
		for _, size := range []int{41, 127, 128, 129, 1500, 32768, 32769, 40000, 65535, 65536, 65574, 65575} {
			pkt := ip6(a, b, size)
			for i := 40; i < size; i++ {
				pkt[i] = byte(i * 7)
			}
			check(t, send(t, p.ta, pkt, func(s *transport.Slot) { s.Data = s.Data[:size:size] }))
			check(t, send(t, p.ta, ip6(a, b, 60))) // must not write into the memory of the other
			check(t, p.n.Run(0))
			all := packets(receive(t, p.tb))
			if len(all) != 4 || !bytes.Equal(all[0].data, pkt) || !bytes.Equal(all[1].data, pkt) {
				t.Fatalf("%d bytes: %d packets, or changed", size, len(all))
			}
		}
	}
}

func TestPacketsToADownLinkAreLost(t *testing.T) {
	p := newPair(t, nil, &sim.LinkConfig{Delay: time.Second, Reorder: 0.5, Duplicate: 0.5})
	receive(t, p.ta)
	for range 20 {
		check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	}
	check(t, p.n.Run(time.Millisecond))
	p.link.SetUp(false) // loses those on their way
	p.link.SetUp(false) // changes nothing
	down := map[*sim.Transport][]got{p.ta: receive(t, p.ta), p.tb: receive(t, p.tb)}
	for range 5 {
		check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	}
	p.link.SetUp(true)
	check(t, send(t, p.ta, ip4(addrA, addrB, 61)))
	check(t, p.n.Run(time.Minute))
	s, _ := p.link.Stats()
	if s.Down != 25 || s.Delivered != 1 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
	for _, h := range []*sim.Transport{p.ta, p.tb} {
		var ups []bool
		for _, g := range append(down[h], receive(t, h)...) {
			if g.event == transport.LinkChanged {
				if g.iface.Index != 2 || g.iface.Name != "eth0" {
					t.Errorf("%+v", g.iface)
				}
				ups = append(ups, g.iface.Up)
			} else if len(g.data) != 61 {
				t.Errorf("a packet from before came through")
			}
		}
		if len(ups) != 2 || ups[0] || !ups[1] {
			t.Errorf("link events %v, want down and up", ups)
		}
	}
	one := mustNode(t)(p.n.Node("lonely"))
	mustPort(t)(one.AddInterface("eth0", prefixes("10.7.0.1/24")...))
	err := send(t, open(t, one, nil), ip4(netip.MustParseAddr("10.7.0.1"), addrB, 60))
	if !errors.Is(err, syscall.ENETDOWN) {
		t.Errorf("without a link: %v", err)
	}
}

func TestStampsTellWhenAPacketLeftAndComeBeforeItsAnswer(t *testing.T) {
	for name, lc := range map[string]*sim.LinkConfig{
		"at once": nil,
		"rate":    {Rate: 8e6, QueuePackets: 1},
		"slow":    {Rate: 8e6, Delay: time.Second, QueuePackets: 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, nil, lc)
			attach(t, p.n, p.tb, nil)
			start := p.n.Now()
			for i := range 3 { // the third finds the queue full, if there is one
				check(t, send(t, p.ta, ip4(addrA, addrB, 1000), func(s *transport.Slot) {
					s.Stamp, s.Cookie = true, uint64(100+i)
				}))
			}
			check(t, p.n.Run(time.Minute))
			var stamps, answers int
			for _, g := range receive(t, p.ta) {
				switch g.event {
				case transport.PacketSent:
					left := start
					if lc != nil {
						left = start.Add(time.Duration(stamps+1) * time.Millisecond)
					}
					if g.sent.Time != left.UnixNano() || g.sent.Cookie != uint64(100+stamps) ||
						g.sent.Protocol != proto || g.sent.Source != transport.TimeUser {
						t.Errorf("stamp %+v, want %d", g.sent, left.UnixNano())
					}
					stamps++
				case 0:
					if answers++; answers > stamps {
						t.Errorf("an answer came before the stamp")
					}
				}
			}
			if want := map[bool]int{true: 3, false: 2}[lc == nil]; stamps != want || answers != want {
				t.Errorf("%d stamps, %d answers", stamps, answers)
			}
		})
	}
}

func TestStampsThatNobodyTakesStopSending(t *testing.T) {
	p := newPair(t, nil, nil)
	h := open(t, p.a, &sim.OpenConfig{Queue: 2})
	stamp := func(s *transport.Slot) { s.Stamp = true }
	check(t, send(t, h, ip4(addrA, addrB, 60), stamp))
	check(t, send(t, h, ip4(addrA, addrB, 60), stamp))
	if err := send(t, h, ip4(addrA, addrB, 60), stamp); err != transport.ErrNoSlots {
		t.Errorf("error %v", err)
	}
	if s := h.Stats(); s.Refused != 0 {
		t.Errorf("no room counts as refused")
	}
	check(t, send(t, h, ip4(addrA, addrB, 60)))
	receive(t, h)
	check(t, send(t, h, ip4(addrA, addrB, 60), stamp))
}
