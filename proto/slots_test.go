// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/proto/wire"
	"protean/transport"
)

func TestASlotLeftOpenIsNobodyElses(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	handle(t, h, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		_, err := env.Reply(p, 1)
		return err
	}))
	handle(t, h, 254, proto.HandlerFunc(echo))
	r.qs[0].put(in(253), in(254)) // in one pass
	poll(t, h, time.Now())
	r.qs[0].put(in(253))
	poll(t, h, time.Now())
	r.qs[0].put(in(254))
	poll(t, h, time.Now())
	if s := addsUp(t, h); s.Taken != 4 || s.Sent != 2 || r.qs[0].slots() != 0 {
		t.Errorf("taken %d, sent %d, %d slots kept; want 4, 2, 0", s.Taken, s.Sent, r.qs[0].slots())
	}
}

func TestASlotCommittedAfterItsCallbackIsAnError(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	var s *proto.Slot
	handle(t, h, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) (err error) {
		s, err = env.Reply(p, 1)
		return err
	}))
	r.qs[0].put(in(253))
	poll(t, h, time.Now())
	if err := s.Commit(); err != proto.ErrSlotDone {
		t.Errorf("Commit: %v, want ErrSlotDone", err)
	}
	poll(t, h, time.Now())
	if n := len(r.qs[0].packets()); n != 0 {
		t.Errorf("%d packets sent, want none", n)
	}
}

func TestFlushWithASlotOpenIsAnError(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	s := handle(t, h, 253, proto.HandlerFunc(echo)).NewSender()
	slot, err := s.Reserve(proto.Header{Dst: rigPeer}, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != proto.ErrSlotOpen {
		t.Errorf("Flush: %v, want ErrSlotOpen", err)
	}
	copy(slot.Payload(), "abcd")
	if err := errors.Join(slot.Commit(), s.Flush()); err != nil {
		t.Error(err)
	}
	if sent := r.qs[0].packets(); len(sent) != 1 || string(sent[0].Data[20:]) != "abcd" {
		t.Errorf("sent %v, want one packet that ends with abcd", sent)
	}
}

func TestSetLenIsBoundedByWhatAPacketCanBe(t *testing.T) {
	r := newRig(1)
	r.caps.MaxPacket = 40 + 0xffff
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, proto.HandlerFunc(echo))
	do(t, b, func(env *proto.Env) {
		s, err := env.Reserve(proto.Header{Dst: rigPeer}, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{-1, 0xffff - 19, math.MaxInt} {
			if err := s.SetLen(n); !errors.Is(err, syscall.EMSGSIZE) {
				t.Errorf("SetLen(%d): %v, want EMSGSIZE", n, err)
			}
		}
		if err := s.SetLen(0xffff - 20); err != nil || len(s.Payload()) != 0xffff-20 {
			t.Errorf("SetLen to the most that IPv4 can carry: %v, %d bytes", err, len(s.Payload()))
		}
		s.Discard()
		if _, err := env.Reserve(proto.Header{Dst: rigPeer}, 0xffff-19); !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("Reserve of one more: %v, want EMSGSIZE", err)
		}
	})
}

func TestWhatIsNotSentIsGivenBack(t *testing.T) {
	r := newRig(1)
	r.qs[0].free = 4
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, proto.HandlerFunc(echo))
	do(t, b, func(env *proto.Env) {
		s, err := env.Reserve(proto.Header{Dst: rigPeer}, 1)
		if err != nil {
			t.Fatal(err)
		}
		s.Discard()
	})
	if n := r.qs[0].slots(); n != 0 {
		t.Errorf("%d slots kept after Do", n)
	}
}

// Extension headers are looked at when there is a slot to write them into.
func TestAConnKeepsNoSlotForWhatItCannotSend(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	c := conn(t)(h.Listen(253, nil))
	bad := proto.Header{Dst: netip.MustParseAddr("fd00::1"), Ext: []wire.Ext{{Type: 43, Data: make([]byte, 3)}}}
	if n, err := c.WriteBatch([]proto.Message{{Header: bad}}); n != 0 || !errors.Is(err, wire.ErrExtension) {
		t.Errorf("WriteBatch: %d, %v; want 0 and ErrExtension", n, err)
	}
	if n := r.qs[0].slots(); n != 0 {
		t.Errorf("%d slots kept after WriteBatch", n)
	}
	d := conn(t)(h.Dial(254, bad.Dst, &proto.ConnConfig{Header: bad}))
	if _, err := d.Write(nil); !errors.Is(err, wire.ErrExtension) {
		t.Errorf("Write: %v, want ErrExtension", err)
	}
	if n := r.qs[0].slots(); n != 0 {
		t.Errorf("%d slots kept after Write", n)
	}
}

func TestMorePacketsThanSlotsAreSentInOneCallback(t *testing.T) {
	r := newRig(1)
	r.qs[0].free = 4
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, proto.HandlerFunc(echo))
	do(t, b, func(env *proto.Env) {
		for i := range 7 {
			if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
				t.Errorf("packet %d: %v", i, err)
			}
		}
	})
	if n := len(r.qs[0].packets()); n != 7 || b.Stats().Sent != 7 {
		t.Errorf("%d sent, %d counted, want 7", n, b.Stats().Sent)
	}
}

func TestWhatTheLoopStagedWithoutRoomGoesOutInALaterPass(t *testing.T) {
	r := newRig(1)
	q := r.qs[0]
	h := rigHost(t, r, nil)
	handle(t, h, 253, proto.HandlerFunc(echo))
	room := full(q, "Commit")
	q.put(in(253))
	poll(t, h, time.Now())
	if n := len(q.packets()); n != 0 {
		t.Fatalf("%d sent without room", n)
	}
	room()
	poll(t, h, time.Now())
	if n := len(q.packets()); n != 1 || h.Stats().Sent != 1 || q.slots() != 0 {
		t.Errorf("%d sent, %d counted, %d slots kept; want 1, 1, 0", n, h.Stats().Sent, q.slots())
	}
}

// The slot of a refused packet goes back to the transport, which may use its
// memory before the report of the refusal is made.
func TestARefusalIsReportedFromThePacketAndNotFromItsMemoryLater(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	var got []proto.NetworkError
	b := handle(t, h, 253, &script{err: func(_ *proto.Env, e *proto.NetworkError) error {
		got = append(got, *e)
		return nil
	}})
	r.qs[0].commit = func(int) (int, error) { return 0, syscall.ENETDOWN }
	do(t, b, func(env *proto.Env) {
		if err := env.Send(proto.Header{Dst: rigPeer}, []byte("abc")); err != nil {
			t.Error(err)
		}
	})
	poll(t, h, time.Now())
	if len(got) != 1 || got[0].Dst != rigPeer || got[0].Protocol != 253 || got[0].Errno != syscall.ENETDOWN || !bytes.Equal(got[0].Quoted, []byte("abc")) {
		t.Errorf("reported %+v", got)
	}
}

func TestPaddingOfOptionsIsZero(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, proto.HandlerFunc(echo))
	do(t, b, func(env *proto.Env) { // the memory holds something else
		if err := env.Send(proto.Header{Dst: rigPeer, Options: []byte{1}}, nil); err != nil {
			t.Error(err)
		}
	})
	if got := r.qs[0].packets()[0].Data[20:]; !bytes.Equal(got, []byte{1, 0, 0, 0}) {
		t.Errorf("options % x, want 01 00 00 00", got)
	}
}

func TestATruncatedPacketIsNotSentOn(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, proto.HandlerFunc(echo))
	var p transport.Packet
	if m := p.Load(in(253)[:20], transport.Arrival{Len: 21}); m != 0 || !p.Truncated() {
		t.Fatal(m, p.Truncated())
	}
	do(t, b, func(env *proto.Env) {
		if err := env.Relay(1, &p); err == nil {
			t.Error("Relay: no error")
		}
		if _, err := env.Wrap(proto.Header{Dst: rigPeer}, 4, &p); err == nil {
			t.Error("Wrap: no error")
		}
	})
}

func TestABindingForAllProtocolsMustNameOneToSend(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	b, err := h.HandleWith(proto.HandlerFunc(echo), &proto.Options{AnyProtocol: true})
	if err != nil {
		t.Fatal(err)
	}
	do(t, b, func(env *proto.Env) {
		var he *proto.HeaderError
		if err := env.Send(proto.Header{Dst: rigPeer}, nil); !errors.As(err, &he) || he.Field != "Protocol" {
			t.Errorf("Send: %v, want a HeaderError about Protocol", err)
		}
		if err := env.Send(proto.Header{Dst: rigPeer, Protocol: 7}, nil); err != nil {
			t.Error(err)
		}
	})
	if sent := r.qs[0].packets(); len(sent) != 1 || sent[0].Data[9] != 7 {
		t.Errorf("sent %v, want one packet of protocol 7", sent)
	}
}

// TestASlotKnowsItsAddresses before it is committed, for a checksum over them.
func TestASlotKnowsItsAddresses(t *testing.T) {
	n := prototest.Pair(t, nil)
	b := n.A.Record(t, 253).Binding
	for _, c := range []struct{ given, src, dst netip.Addr }{
		{netip.Addr{}, n.A.Addr4, n.B.Addr4},
		{netip.Addr{}, n.A.Addr6, n.B.Addr6},
		{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.1"), n.B.Addr4},
	} {
		b.Post(func(env *proto.Env) {
			s, err := env.Reserve(proto.Header{Src: c.given, Dst: c.dst}, 8)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Discard()
			if s.Src() != c.src || s.Dst() != c.dst {
				t.Errorf("from %v to %v, want %v and %v", s.Src(), s.Dst(), c.src, c.dst)
			}
		})
	}
	n.Run(t, time.Second)
}
