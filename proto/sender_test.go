// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/wire"
	"protean/transport"
)

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

// TestASenderThatIsClosedKeepsNoSlots has packets wait, and one being made.
func TestASenderThatIsClosedKeepsNoSlots(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, proto.HandlerFunc(taking))
	s := b.NewSender()
	for range 3 {
		if err := s.Send(proto.Header{Dst: rigPeer}, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Reserve(proto.Header{Dst: rigPeer}, 1); err != nil || r.qs[0].slots() == 0 {
		t.Fatalf("%v, %d slots", err, r.qs[0].slots())
	}
	s.Close()
	s.Close()
	if n := b.Stats().SendDropped[transport.Closed]; r.qs[0].slots() != 0 || s.Pending() != 0 || n != 3 {
		t.Errorf("%d slots kept, %d packets pending, %d counted", r.qs[0].slots(), s.Pending(), n)
	}
	if err := s.Send(proto.Header{Dst: rigPeer}, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send: %v", err)
	}
	if err := s.Flush(); err != nil || len(r.qs[0].packets()) != 0 {
		t.Errorf("Flush: %v, %d packets sent", err, len(r.qs[0].packets()))
	}
}
