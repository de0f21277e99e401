// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"sync/atomic"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
)

type concurrent struct {
	script
	packets, ends atomic.Int32
}

func (c *concurrent) HandlesConcurrently() {}

func TestConcurrentHandlerRunsWithoutTheLoop(t *testing.T) {
	n := prototest.LivePair(t, nil)
	c := &concurrent{}
	held, free := make(chan struct{}), make(chan struct{})
	c.packet = func(env *proto.Env, p *proto.Packet) error {
		if env.Queue() != 0 {
			t.Errorf("queue %d of a transport that has one", env.Queue())
		}
		c.packets.Add(1)
		s, err := env.Reply(p, 0)
		if err != nil {
			return err
		}
		return s.Commit()
	}
	c.end = func(*proto.Env) error { c.ends.Add(1); return nil }
	b := n.B.Register(t, 253, c)
	l := dial(t, n.A, 253, n.B.Addr4)
	go b.Do(func(*proto.Env) { close(held); <-free }) // the loop is taken
	<-held
	for range 10 {
		write(t, l, "x")
		read(t, l)
	}
	close(free)
	if c.packets.Load() != 10 || c.ends.Load() == 0 {
		t.Errorf("%d packets and %d ends while the loop was taken", c.packets.Load(), c.ends.Load())
	}
}

func TestConcurrentHandlersPanicIsContained(t *testing.T) {
	n := prototest.Pair(t, nil)
	c := &concurrent{}
	c.packet = func(_ *proto.Env, p *proto.Packet) error {
		if len(p.Payload()) == 0 {
			panic("boom")
		}
		return nil
	}
	b := n.B.Register(t, 253, c)
	for _, s := range []string{"a", "", "b"} {
		n.A.Send(t, 253, n.B.Addr4, []byte(s))
	}
	n.Run(t, time.Second)
	s := addsUp(t, n.B.Host)
	if s.Taken != 2 || s.Panics != 1 || s.Dropped[transport.HandlerPanic] != 1 {
		t.Errorf("taken %d, panics %d", s.Taken, s.Panics)
	}
	if err := b.Close(); err != nil { // waits for those inside: none must be left
		t.Error(err)
	}
}

// The loop stays inside of a Concurrent handler from one packet to the next, but
// not while it holds another one's lock, nor after the pass.
func TestConcurrentAndOtherHandlersTakeTurns(t *testing.T) {
	h, q := blockHost(t, nil, 252, 253, 254)
	var of [3]atomic.Int32
	var bindings []*proto.Binding
	for i := range of {
		script := script{
			packet: func(*proto.Env, *proto.Packet) error { of[i].Add(1); return nil },
			end:    func(*proto.Env) error { of[i].Add(1000); return nil },
		}
		if protocol := uint8(252 + i); protocol == 253 {
			bindings = append(bindings, handle(t, h, protocol, &script))
		} else {
			bindings = append(bindings, handle(t, h, protocol, &concurrent{script: script}))
		}
	}
	for range 10 { // passes
		q.limit = 30
		if _, err := h.Poll(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for i, b := range bindings {
		if n := of[i].Load(); n != 10*1000+100 {
			t.Errorf("handler %d: %d packets and %d ends of batches, want 100 and 10", i, n%1000, n/1000)
		}
		if s := b.Stats(); s.Taken != 100 {
			t.Errorf("handler %d has taken %d", i, s.Taken)
		}
		if err := b.Close(); err != nil { // waits for those inside: none must be left
			t.Error(err)
		}
	}
}

func TestCloseWhilePacketsArrive(t *testing.T) {
	for range 20 {
		n := prototest.LivePair(t, nil)
		b, err := n.B.Handle(253, proto.HandlerFunc(echo))
		if err != nil {
			t.Fatal(err)
		}
		c := dial(t, n.A, 253, n.B.Addr4)
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for range 300 {
				c.Write([]byte("x"))
			}
		}()
		var stopped atomic.Bool
		b.Do(func(env *proto.Env) {
			var tick *proto.Timer
			tick = env.After(0, func(*proto.Env) {
				if stopped.Load() {
					t.Error("a timer ran after Close")
				}
				tick.Reset(10 * time.Microsecond)
			})
		})
		time.Sleep(time.Millisecond)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		stopped.Store(true)
		if err := b.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		<-stop
	}
}
