// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
)

func TestAConcurrentHandlerRunsOnAllQueuesAtOnceAndOthersDoNot(t *testing.T) {
	for _, parallel := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(2)
			h := rigHost(t, r, nil)
			inside, free := make(chan int, 2), make(chan struct{})
			packet := func(env *proto.Env, _ *proto.Packet) error {
				inside <- env.Queue()
				<-free
				return nil
			}
			if parallel {
				handle(t, h, 253, &concurrent{script: script{packet: packet}})
			} else {
				handle(t, h, 253, proto.HandlerFunc(packet))
			}
			runHost(t, h)
			r.qs[0].put(in(253))
			r.qs[1].put(in(253))
			synctest.Wait()
			want := 1
			if parallel {
				want = 2
			}
			if len(inside) != want {
				t.Errorf("Concurrent %v: %d callbacks at once, want %d", parallel, len(inside), want)
			}
			close(free)
			if a, b := within(t, inside, "no callback"), within(t, inside, "one callback only"); a+b != 1 {
				t.Errorf("on queues %d and %d, want 0 and 1", a, b)
			}
			synctest.Wait()
			if s := addsUp(t, h); s.Taken != 2 {
				t.Errorf("took %d packets, want 2", s.Taken)
			}
		})
	}
}

// A loop keeps a handler's lock from one packet to the next. Inside a
// Concurrent handler, which may take its time, it must hold nobody's.
func TestALoopInsideAConcurrentHandlerHoldsNoLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		plain := handle(t, h, 254, proto.HandlerFunc(taking))
		inside, free := make(chan struct{}), make(chan struct{})
		n := 0
		c := &concurrent{}
		c.packet = func(*proto.Env, *proto.Packet) error {
			if n++; n == 1 {
				close(inside)
				<-free
				return nil
			}
			panic("boom")
		}
		b := handle(t, h, 253, c)
		runHost(t, h)
		r.qs[0].put(in(254), in(253))
		within(t, inside, "the packet is not handled")
		within(t, started(func() error { return plain.Do(func(*proto.Env) {}) }), "the loop holds another handler's lock")
		close(free)
		r.qs[0].put(in(254), in(253))
		synctest.Wait()
		if plain.Stats().Panics != 0 || b.Stats().Panics != 1 {
			t.Errorf("panics: %d of the one that panicked, %d of the other; want 1 and 0", b.Stats().Panics, plain.Stats().Panics)
		}
		addsUp(t, h)
	})
}

// That somebody holds the lock does not put a Concurrent handler on the loop.
func TestTimersAreOutOfAConcurrentHandlersReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		got := make(chan any, 2)
		try := func(f func()) {
			defer func() { got <- recover() }()
			f()
		}
		c := &concurrent{}
		c.packet = func(env *proto.Env, _ *proto.Packet) error {
			try(func() { env.After(time.Hour, func(*proto.Env) {}) })
			try(func() { env.OnRoom(func(*proto.Env) {}) })
			return nil
		}
		b := handle(t, h, 253, c)
		runHost(t, h)
		do(t, b, func(*proto.Env) { // holds the lock
			r.qs[0].put(in(253))
			for _, name := range []string{"After", "OnRoom"} {
				if v := within(t, got, "the packet is not handled"); v != proto.ErrNotOnLoop {
					t.Errorf("%s: panic %v, want ErrNotOnLoop", name, v)
				}
			}
		})
	})
}
