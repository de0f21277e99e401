// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/transport"
)

func TestALoopThatWaitsIsWokenForTimersAndPosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := rigHost(t, newRig(2), nil)
		b := handle(t, h, 253, proto.HandlerFunc(echo))
		runHost(t, h)
		synctest.Wait() // all loops are in Wait
		ran := make(chan struct{}, 1)
		do(t, b, func(env *proto.Env) { env.After(time.Millisecond, func(*proto.Env) { ran <- struct{}{} }) })
		within(t, ran, "a timer armed while the loop waits does not run")
		synctest.Wait()
		if err := b.Post(func(*proto.Env) { ran <- struct{}{} }); err != nil {
			t.Error(err)
		}
		within(t, ran, "a function posted while the loop waits does not run")
	})
}

// Timers are the first queue's, whichever queue's callback arms them.
func TestATimerArmedOnAnotherQueueWakesTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(2)
		h := rigHost(t, r, nil)
		ran := make(chan struct{}, 1)
		handle(t, h, 253, proto.HandlerFunc(func(env *proto.Env, _ *proto.Packet) error {
			env.After(time.Millisecond, func(*proto.Env) { ran <- struct{}{} })
			return nil
		}))
		runHost(t, h)
		synctest.Wait()
		r.qs[1].put(in(253))
		within(t, ran, "the timer does not run")
	})
}

// A loop with packets without end holds the lock nearly always. Whoever waits
// for it must get it between two passes.
func TestCallsGetTheirTurnUnderEndlessTraffic(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, proto.HandlerFunc(taking))
	r.qs[0].endless = true
	r.qs[0].put(in(253))
	runHost(t, h)
	for range 20 {
		within(t, started(func() error { return b.Do(func(*proto.Env) {}) }), "Do does not get the loop")
		ran := make(chan struct{})
		if err := b.Post(func(*proto.Env) { close(ran) }); err != nil {
			t.Fatal(err)
		}
		within(t, ran, "the posted function does not run")
	}
}

// The event is for the handler whose lock the loop holds for the packet
// before it.
func TestAnEventBehindAPacketOfTheSameHandlerIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		links := 0
		s := &script{link: func(*proto.Env, *transport.Interface) error { links++; return nil }}
		s.packet = func(*proto.Env, *proto.Packet) error {
			r.qs[0].events = append(r.qs[0].events, transport.Event{Kind: transport.LinkChanged, Interface: &r.ifs[0]})
			return nil
		}
		handle(t, h, 253, s)
		before := links
		r.qs[0].put(in(253), in(253))
		err := within(t, started(func() error { _, err := h.Poll(time.Now()); return err }), "Poll hangs")
		if s := addsUp(t, h); err != nil || links != before+2 || s.Taken != 2 {
			t.Errorf("Poll: %v; %d events and %d packets, want 2 and 2", err, links-before, s.Taken)
		}
	})
}
