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
