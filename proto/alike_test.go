// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
)

// TestPacketsOfASenderDoNotDependOnThoseBefore sends a row of packets by one Sender,
// and each of them by one of its own.
func TestPacketsOfASenderDoNotDependOnThoseBefore(t *testing.T) {
	either := func(hd *proto.Header, four, six string) netip.Addr {
		if hd.Dst.Is4() {
			return netip.MustParseAddr(four)
		}
		return netip.MustParseAddr(six)
	}
	changes := map[string]func(*proto.Header){
		"nothing":      func(*proto.Header) {},
		"source":       func(hd *proto.Header) { hd.Src = either(hd, "10.0.0.77", "2001:db8::77") },
		"destination":  func(hd *proto.Header) { hd.Dst = either(hd, "192.0.2.9", "fe80::9%r1") },
		"interface":    func(hd *proto.Header) { hd.IfIndex = 2 },
		"protocol":     func(hd *proto.Header) { hd.Protocol = 254 },
		"TTL":          func(hd *proto.Header) { hd.TTL = 3 },
		"TOS":          func(hd *proto.Header) { hd.TOS = 0xb8 },
		"ID":           func(hd *proto.Header) { hd.ID = 4711 },
		"flow label":   func(hd *proto.Header) { hd.FlowLabel = 0xabcde },
		"mode":         func(hd *proto.Header) { hd.Frag = proto.FragAllow },
		"another mode": func(hd *proto.Header) { hd.Frag = proto.FragNever },
		"no mode":      func(hd *proto.Header) { hd.Frag = 9 },
		"exact":        func(hd *proto.Header) { hd.Exact = true },
		"stamp":        func(hd *proto.Header) { hd.Stamp = true },
		"cookie":       func(hd *proto.Header) { hd.Cookie = 99 },
		"options":      func(hd *proto.Header) { hd.Options = []byte{0x94, 4, 0, 0} },
		"extension":    func(hd *proto.Header) { hd.Ext = []wire.Ext{{Type: wire.ExtDestination, Data: make([]byte, 6)}} },
	}
	for family, base := range map[string]proto.Header{
		"IPv4":   {Dst: rigPeer},
		"own ID": {Dst: rigPeer, Src: netip.MustParseAddr("10.0.0.3"), ID: 7},
		"IPv6":   {Dst: far6, Src: netip.MustParseAddr("2001:db8::2"), FlowLabel: 1},
		"zone":   {Dst: netip.MustParseAddr("fe80::9%r0")},
	} {
		for change, f := range changes {
			r := newRig(1)
			b := handle(t, rigHost(t, r, nil), 253, proto.HandlerFunc(echo))
			other := base
			f(&other)
			row := []proto.Header{base, base, base, other, other, other, base, base}
			var one, each []string
			send := func(s *proto.Sender, i int, errs *[]string) {
				n := 12 + i%2
				if base.ID != 0 && i%2 == 0 {
					n = 1600 // it is cut
				}
				if err := s.Send(row[i], make([]byte, n)); err != nil {
					*errs = append(*errs, fmt.Sprint(i, err))
				}
			}
			for i := range row {
				s := b.NewSender()
				send(s, i, &each)
				s.Flush()
			}
			n := len(r.qs[0].packets())
			s := b.NewSender()
			for i := range row {
				send(s, i, &one)
			}
			s.Flush()
			for i, p := range r.qs[0].packets() {
				if p.Data[0]>>4 == 4 {
					if ihl := int(p.Data[0]&15) * 4; checksum.Sum(p.Data[:ihl]) != 0xffff {
						t.Errorf("%s, %s: checksum of % x", family, change, p.Data[:ihl])
					}
					if id := p.Data[4:6]; id[0] == 0 && id[1] == 0 {
						t.Log("without an identification")
					} else if base.ID == 0 && !bytes.Equal(id, []byte{4711 >> 8, 4711 & 0xff}) {
						id[0], id[1] = 0xff, 0xff // chosen
					}
					p.Data[10], p.Data[11] = 0, 0
				}
				text := fmt.Sprintf("%x by %d, mode %d, stamp %t, cookie %d", p.Data, p.IfIndex, p.Frag, p.Stamp, p.Cookie)
				if i < n {
					each = append(each, text)
				} else {
					one = append(one, text)
				}
			}
			if len(one) < len(row) || fmt.Sprint(one) != fmt.Sprint(each) {
				t.Errorf("%s, %s: one Sender made\n%q, and each its own\n%q", family, change, one, each)
			}
		}
	}
}

func TestASenderTooBigForItsHeaderSaysSo(t *testing.T) {
	r := newRig(1)
	b := handle(t, rigHost(t, r, nil), 253, proto.HandlerFunc(echo))
	for _, dst := range []netip.Addr{rigPeer, far6} {
		s := b.NewSender()
		hd := proto.Header{Dst: dst, Frag: proto.FragNever}
		var texts []string
		for _, n := range []int{5000, 1, 1, 1, 5000} {
			sl, err := s.Reserve(hd, n)
			if n == 1 {
				if err != nil || len(sl.Payload()) != 1 {
					t.Fatal(err)
				}
				if _, err := s.Reserve(hd, 1); err != proto.ErrSlotOpen {
					t.Errorf("with a slot open: %v", err)
				}
				if err := sl.Commit(); err != nil {
					t.Fatal(err)
				}
				continue
			}
			texts = append(texts, fmt.Sprint(err))
		}
		if texts[0] != texts[1] || texts[0] == "<nil>" {
			t.Errorf("the first packet: %s; the fourth: %s", texts[0], texts[1])
		}
	}
}

// TestASenderThatNeverFlushesLooksAtTheClock: its packets go out when a batch is full,
// and errors about the later ones are as believable as about the first.
func TestASenderThatNeverFlushesLooksAtTheClock(t *testing.T) {
	e := newErrorRig(t)
	s := e.b.NewSender()
	for range 5 {
		for range 3 * e.r.caps.Batch {
			if err := s.Send(proto.Header{Dst: far4}, noise(20)); err != nil {
				t.Fatal(err)
			}
		}
		e.now = e.now.Add(40 * time.Second)
		poll(t, e.h, e.now)
	}
	sent := e.r.qs[0].packets()
	last := sent[len(sent)-1].Data
	e.report(wire.ICMPError{Type: wire.ICMPv4Unreachable, Code: 2, Quoted: last[:28]})
	if n := len(e.got.errors); n != 1 {
		t.Errorf("%d errors were told, want 1: %+v", n, e.h.Stats().Network)
	}
}

// TestASenderTakesTheSourceThatThereIs: a changed address counts from the next packet
// on, whether what was sent before has been flushed or not.
func TestASenderTakesTheSourceThatThereIs(t *testing.T) {
	for _, size := range []int{20, 1600} { // for one that is cut, the time is asked for when it is committed
		for _, flush := range []bool{true, false} {
			r := newRig(1)
			h := rigHost(t, r, nil)
			s := handle(t, h, 253, proto.HandlerFunc(echo)).NewSender()
			now := time.Now()
			poll(t, h, now) // time stands still from here on
			send := func() {
				for range 20 {
					if err := s.Send(proto.Header{Dst: rigPeer}, make([]byte, size)); err != nil {
						t.Fatal(err)
					}
				}
				if flush {
					if err := s.Flush(); err != nil {
						t.Fatal(err)
					}
				}
			}
			send()
			changed := r.ifs[0]
			changed.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24")}
			r.ifs[0] = changed
			r.qs[0].events = []transport.Event{{Kind: transport.LinkChanged, Interface: &changed}}
			poll(t, h, now)
			send()
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			sources := map[string]int{}
			for _, p := range r.qs[0].packets() {
				if n := int(p.Data[6]&0x1f)<<8 | int(p.Data[7]); n == 0 { // not a further fragment
					sources[netip.AddrFrom4([4]byte(p.Data[12:])).String()]++
				}
			}
			if sources["10.0.0.2"] != 20 || sources["10.0.0.5"] != 20 {
				t.Errorf("%d bytes, flushed %t: packets by source %v, want 20 and 20", size, flush, sources)
			}
		}
	}
}

// TestASenderAsksForTheRouteAgain, which may change without a word.
func TestASenderAsksForTheRouteAgain(t *testing.T) {
	for _, size := range []int{20, 1000} { // of packets above 576 bytes, the MTU is asked for as well
		r := &routedRig{rig: newRig(1)}
		h := rigHost(t, r, nil)
		s := handle(t, h, 253, proto.HandlerFunc(echo)).NewSender()
		now := time.Now()
		for i, src := range []string{"10.0.0.2", "10.0.0.3"} {
			poll(t, h, now.Add(time.Duration(i)*10*time.Second))
			r.src = netip.MustParseAddr(src)
			for range 3 * r.caps.Batch {
				if err := s.Send(proto.Header{Dst: rigPeer}, make([]byte, size)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		sent := r.qs[0].packets()
		// The first of them may be sent together with the last before.
		for i, p := range sent[3*r.caps.Batch+r.caps.Batch:] {
			if src := netip.AddrFrom4([4]byte(p.Data[12:])); src != r.src {
				t.Fatalf("%d bytes: packet %d has the source %v, want %v", size, i, src, r.src)
			}
		}
	}
}

func TestASenderNumbersEachPacket(t *testing.T) {
	r := newRig(1)
	s := handle(t, rigHost(t, r, nil), 253, proto.HandlerFunc(echo)).NewSender()
	const n = 200
	for range n {
		if err := s.Send(proto.Header{Dst: rigPeer}, make([]byte, 20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	ids := map[uint16]bool{}
	for _, p := range r.qs[0].packets() {
		ids[uint16(p.Data[4])<<8|uint16(p.Data[5])] = true
	}
	if len(ids) != n || ids[0] {
		t.Errorf("%d identifications of %d packets", len(ids), n)
	}
}

func TestASenderNumbersWhatIsCut(t *testing.T) {
	for _, dst := range []netip.Addr{rigPeer, far6} {
		r := newRig(1)
		s := handle(t, rigHost(t, r, nil), 253, proto.HandlerFunc(echo)).NewSender()
		for range 6 {
			if err := s.Send(proto.Header{Dst: dst}, make([]byte, 1600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		fragments := map[uint32]int{}
		for _, p := range r.qs[0].packets() {
			if dst.Is4() {
				fragments[uint32(p.Data[4])<<8|uint32(p.Data[5])]++
			} else {
				fragments[wire.IPv6Fragment(p.Data[40:]).ID()]++
			}
		}
		if len(fragments) != 6 || fragments[0] != 0 {
			t.Errorf("fragments of 6 packets to %v by identification: %v", dst, fragments)
		}
		for id, n := range fragments {
			if n != 2 {
				t.Errorf("%d fragments with identification %d, want 2", n, id)
			}
		}
	}
}
