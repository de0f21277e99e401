// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"context"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
)

// What a handler has staged goes out at the end of the loop's pass, which may
// be under way still when its binding is closed.
func TestCloseReturnsWhenWhatWasStagedIsSentAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(2)
		h := rigHost(t, r, nil)
		b := handle(t, h, 253, proto.HandlerFunc(echo))
		inside, free := make(chan struct{}), make(chan struct{})
		q := r.qs[1]
		q.commit = func(n int) (int, error) {
			close(inside)
			<-free
			return n, nil
		}
		runHost(t, h)
		q.put(in(253))
		within(t, inside, "nothing is sent")
		closed := started(b.Close)
		synctest.Wait()
		if !waiting(closed) {
			t.Error("Close returned before the packet was sent")
		}
		close(free)
		if err := within(t, closed, "Close hangs"); err != nil {
			t.Error(err)
		}
		if s := h.Stats(); len(q.packets()) != 1 || b.Stats().Sent != 1 || s.Sent != 1 || s.SendDropped.Total() != 0 {
			t.Errorf("sent %d; counted %d by the binding and %d by the host, %d dropped; want 1, 1, 1, 0", len(q.packets()), b.Stats().Sent, s.Sent, s.SendDropped.Total())
		}
	})
}

func TestCloseWaitsForConcurrentHandlersAndThenCallsStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		inside, free := make(chan struct{}), make(chan struct{})
		var stopped atomic.Bool
		c := &concurrent{}
		c.packet = func(*proto.Env, *proto.Packet) error {
			close(inside)
			<-free
			if stopped.Load() {
				t.Error("Stop was called while a packet was being handled")
			}
			return nil
		}
		c.stop = func(*proto.Env) { stopped.Store(true) }
		b := handle(t, h, 253, c)
		runHost(t, h)
		r.qs[0].put(in(253))
		within(t, inside, "the packet was not handled")
		closed := started(b.Close)
		synctest.Wait()
		if !waiting(closed) || stopped.Load() {
			t.Errorf("a packet is being handled, but Close has returned (%v) or called Stop (%v)", !waiting(closed), stopped.Load())
		}
		close(free)
		if err := within(t, closed, "Close hangs"); err != nil || !stopped.Load() {
			t.Errorf("Close: %v, Stop was called: %v", err, stopped.Load())
		}
	})
}

func TestCloseEndsARunnerThatWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		r.qs[0].free = 0
		h := rigHost(t, r, nil)
		got := make(chan error, 1)
		b := handle(t, h, 253, runner{run: func(ctx context.Context, b *proto.Binding) error {
			s := b.NewSender()
			if err := s.Send(proto.Header{Dst: rigPeer}, nil); err != proto.ErrNoSlots {
				t.Errorf("Send: %v, want ErrNoSlots", err)
			}
			for {
				err := s.Wait(nil)
				if err != nil || ctx.Err() != nil {
					got <- err
					return nil
				}
				if s.Send(proto.Header{Dst: rigPeer}, nil) == nil {
					t.Error("sent without room")
				} // the loop may have looked around before it waits
			}
		}})
		runHost(t, h)
		synctest.Wait()
		defer r.qs[0].with(func() { r.qs[0].room = true }) // nothing hangs if this fails
		closed := started(b.Close)
		if err := within(t, closed, "Close waits for the Runner, which waits for room"); err != nil {
			t.Error(err)
		}
		if err := within(t, got, "Wait has not returned"); err != net.ErrClosed {
			t.Errorf("Wait: %v, want net.ErrClosed", err)
		}
	})
}

// Run wakes the queues from a goroutine of its own when its context ends.
func TestRunReturnsWhenNoneOfItsGoroutinesIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(2)
		h := rigHost(t, r, nil)
		var inside atomic.Int32
		stop := runHost(t, h)
		synctest.Wait()
		q := r.qs[1] // the last to be woken
		q.with(func() {
			q.onWake = func() {
				inside.Add(1)
				time.Sleep(time.Second)
				inside.Add(-1)
			}
		})
		stop()
		if inside.Load() != 0 {
			t.Error("a goroutine of Run is in the transport's Wake after Run has returned")
		}
	})
}

func TestGoexitInEndBatchLetsTheLoopGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		ends := 0
		b := handle(t, h, 253, &script{end: func(*proto.Env) error {
			if ends++; ends == 1 {
				runtime.Goexit()
			}
			return nil
		}})
		r.qs[0].put(in(253))
		polled := make(chan struct{})
		go func() {
			defer close(polled)
			h.Poll(time.Now())
		}()
		within(t, polled, "Poll hangs")
		if err := within(t, started(func() error { return b.Do(func(*proto.Env) {}) }), "the loop is held for ever"); err != nil {
			t.Error(err)
		}
		r.qs[0].put(in(253))
		poll(t, h, time.Now())
		if s := addsUp(t, h); s.Taken != 2 || ends != 2 {
			t.Errorf("took %d packets with %d ends, want 2 and 2", s.Taken, ends)
		}
	})
}

// Close waits for the pass in progress, and not for one of many to be interrupted
// at the right moment: with one processor, a loop that is never out of packets
// would keep it waiting for as long as that takes.
func TestCloseDoesNotWaitForABusyLoopToPause(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := newRig(1)
	h := rigHost(t, r, nil)
	var passes atomic.Int64
	handle(t, h, 252, &script{
		packet: func(*proto.Env, *proto.Packet) error { return nil },
		end:    func(*proto.Env) error { passes.Add(1); return nil },
	})
	r.qs[0].endless = true
	r.qs[0].put(in(252))
	runHost(t, h)
	var took []int64
	for range 21 { // of which the scheduler interrupts some
		b, err := h.Handle(253, &script{packet: func(*proto.Env, *proto.Packet) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		before := passes.Load()
		for passes.Load() == before { // then the loop is in the middle of a pass
			runtime.Gosched()
		}
		before = passes.Load()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		took = append(took, passes.Load()-before)
	}
	if slices.Sort(took); took[len(took)/2] > 10 {
		t.Errorf("Close takes %d passes", took)
	}
}

// TestWhatWasTakenIsCountedAlsoIfEndBatchEndsItsGoroutine, and its binding is
// closed then.
func TestWhatWasTakenIsCountedAlsoIfEndBatchEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		b := handle(t, h, 253, &script{end: func(*proto.Env) error { runtime.Goexit(); return nil }})
		r.qs[0].put(in(253))
		polled := make(chan struct{})
		go func() { defer close(polled); h.Poll(time.Now()) }()
		within(t, polled, "Poll hangs")
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		poll(t, h, time.Now())
		if s := h.Stats(); s.Received != 1 || s.Taken != 1 {
			t.Errorf("received %d, took %d", s.Received, s.Taken)
		}
	})
}
