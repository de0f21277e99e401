// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
)

// noAllocs fails the test if f allocates in the steady state.
func noAllocs(t *testing.T, name string, f func()) {
	t.Helper()
	f() // grow what grows once
	f()
	if n := testing.AllocsPerRun(100, f); n != 0 {
		t.Errorf("%s: %v allocations", name, n)
	}
}

func replyInPlace(env *proto.Env, p *proto.Packet) error {
	s, err := env.Reply(p, len(p.Payload()))
	if err != nil {
		return err
	}
	copy(s.Payload(), p.Payload())
	return s.Commit()
}

func TestNothingIsAllocatedPerPacket(t *testing.T) {
	now := time.Now()
	for name, hd := range map[string]proto.HandlerFunc{
		"taking": func(*proto.Env, *proto.Packet) error { return nil },
		"reply":  replyInPlace,
		"send":   echo,
		"relay":  func(env *proto.Env, p *proto.Packet) error { return env.Relay(0, p) },
		"wrap": func(env *proto.Env, p *proto.Packet) error {
			s, err := env.Wrap(proto.Header{Dst: p.Src()}, 4, p)
			if err != nil {
				return err
			}
			return s.Commit()
		},
	} {
		h, q := blockHost(t, nil)
		if _, err := h.Handle(253, hd); err != nil {
			t.Fatal(err)
		}
		noAllocs(t, name, func() {
			q.limit = 200
			for q.limit > 0 {
				if _, err := h.Poll(now); err != nil {
					t.Fatal(err)
				}
			}
		})
		if s := addsUp(t, h); s.Taken != s.Received {
			t.Errorf("%s: took %d of %d", name, s.Taken, s.Received)
		}
	}
}

func TestASteppedEchoAllocatesNothing(t *testing.T) {
	n := prototest.Pair(t, nil)
	n.B.Register(t, 253, proto.HandlerFunc(replyInPlace))
	got := 0
	b := n.A.Register(t, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		if got++; got%100 == 0 {
			return nil
		}
		return replyInPlace(env, p)
	}))
	payload := make([]byte, 40)
	start := func(env *proto.Env) {
		if err := env.Send(proto.Header{Dst: n.B.Addr4}, payload); err != nil {
			t.Error(err)
		}
	}
	noAllocs(t, "echo over sim", func() {
		b.Do(start)
		n.Run(t, time.Millisecond) // a route is asked for again each second
	})
	if got < 10_000 {
		t.Errorf("%d echoes, want 100 a run", got)
	}
}

func TestRearmedTimersAllocateNothing(t *testing.T) {
	n := prototest.Pair(t, nil)
	ran := 0
	var tick *proto.Timer
	n.A.Register(t, 253, &script{start: func(env *proto.Env) error {
		other := env.NewTimer(func(*proto.Env) {})
		tick = env.After(time.Millisecond, func(*proto.Env) {
			ran++
			tick.Reset(time.Millisecond)
			other.Reset(time.Hour)
		})
		return nil
	}})
	noAllocs(t, "timer", func() { n.Run(t, time.Second) })
	if ran < 100_000 {
		t.Errorf("ran %d times, want 1000 a second", ran)
	}
}

func TestConnAllocatesNothingPerPacket(t *testing.T) {
	h, q := blockHost(t, nil)
	c, err := h.Listen(253, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dst := netip.MustParseAddr("10.0.0.1")
	now := time.Now()
	buf := make([]byte, 100)
	ms := []proto.Message{{Buf: buf, Header: proto.Header{Dst: dst}}, {Buf: buf, Header: proto.Header{Dst: dst}}}
	noAllocs(t, "Conn", func() {
		q.limit = 10
		h.Poll(now)
		for range 10 {
			_, from, err := c.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.WriteTo(buf, from); err != nil {
				t.Fatal(err)
			}
		}
		if k, err := c.WriteBatch(ms); k != 2 || err != nil {
			t.Fatal(err)
		}
	})
}
