// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"protean/proto"
)

// The functions of Await run after the callback that called Notify, so that
// what they send comes after what it sent, and has to go out all the same.
func TestWhatAnAwaitFunctionSendsGoesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		b := handle(t, h, 253, proto.HandlerFunc(echo))
		runHost(t, h)
		ready := false
		done := started(func() error {
			return b.Await(nil, func(env *proto.Env) bool {
				if ready {
					if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
						t.Error(err)
					}
				}
				return ready
			})
		})
		synctest.Wait()
		do(t, b, func(env *proto.Env) { ready = true; env.Notify() })
		if err := within(t, done, "Await has not returned"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := len(r.qs[0].packets()); n != 1 {
			t.Errorf("%d packets sent, want 1", n)
		}
	})
}

// A function of Await may make true what an earlier one waits for, which has
// been looked at in this round already; here each does so for the one before.
func TestNotifyInAnAwaitFunctionWakesThoseBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := rigHost(t, newRig(1), nil)
		b := handle(t, h, 253, proto.HandlerFunc(echo))
		runHost(t, h)
		const waiters = 6
		next := waiters // the last waiter is the first to go on
		var done []<-chan error
		for i := range waiters {
			done = append(done, started(func() error {
				return b.Await(nil, func(env *proto.Env) bool {
					if next != i {
						return false
					}
					next--
					env.Notify()
					return true
				})
			}))
			synctest.Wait() // they wait in this order
		}
		do(t, b, func(env *proto.Env) { next--; env.Notify() })
		for i := waiters - 1; i >= 0; i-- {
			if err := within(t, done[i], "a function whose time has come is not looked at"); err != nil {
				t.Error(err)
			}
		}
	})
}

// A Concurrent handler does not hold the lock, whose release looks after
// Notify elsewhere.
func TestNotifyOfAConcurrentHandlerIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		var got atomic.Bool
		c := &concurrent{}
		c.packet = func(env *proto.Env, _ *proto.Packet) error {
			got.Store(true)
			env.Notify()
			return nil
		}
		b := handle(t, h, 253, c)
		runHost(t, h)
		done := started(func() error { return b.Await(nil, func(*proto.Env) bool { return got.Load() }) })
		synctest.Wait()
		r.qs[0].put(in(253))
		if err := within(t, done, "Notify of a Concurrent handler is lost"); err != nil {
			t.Error(err)
		}
	})
}

func TestAPanicInAnAwaitFunctionLeavesNoSlotOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		b := handle(t, h, 253, proto.HandlerFunc(echo))
		runHost(t, h)
		armed := false
		done := started(func() error {
			return b.Await(nil, func(env *proto.Env) bool {
				if !armed {
					return false
				}
				if _, err := env.Reserve(proto.Header{Dst: rigPeer}, 3); err != nil {
					t.Error(err)
				}
				panic("boom")
			})
		})
		synctest.Wait()
		next := started(func() error { // of the same round
			return b.Await(nil, func(env *proto.Env) bool {
				if armed {
					if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
						t.Errorf("Send in the next function: %v", err)
					}
				}
				return armed
			})
		})
		synctest.Wait()
		do(t, b, func(env *proto.Env) { armed = true; env.Notify() })
		if err := within(t, done, "Await has not returned"); err == nil {
			t.Error("Await of a function that panics: no error")
		}
		if err := within(t, next, "the next Await has not returned"); err != nil {
			t.Error(err)
		}
		do(t, b, func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
				t.Errorf("Send afterwards: %v", err)
			}
		})
		if s := h.Stats(); s.Panics != 1 || s.Sent != 2 || r.qs[0].slots() != 0 {
			t.Errorf("panics %d, sent %d, %d slots kept; want 1, 2, 0", s.Panics, s.Sent, r.qs[0].slots())
		}
	})
}

// TestGoexitInAwaitLetsTheLoopGo has a function given to Await end the goroutine of
// the loop, as a test's FailNow does.
func TestGoexitInAwaitLetsTheLoopGo(t *testing.T) {
	h := rigHost(t, newRig(1), nil)
	b := handle(t, h, 253, &script{})
	run := make(chan struct{})
	go func() { defer close(run); h.Run(t.Context()) }()
	cancel, asked := make(chan struct{}), make(chan struct{})
	calls := 0
	over := started(func() error {
		return b.Await(cancel, func(*proto.Env) bool {
			if calls++; calls == 1 {
				close(asked)
				return false
			}
			runtime.Goexit()
			return true
		})
	})
	within(t, asked, "Await does not begin")
	b.Post(func(env *proto.Env) { env.Notify() })
	within(t, run, "the loop goes on")
	if err := within(t, started(func() error { return b.Do(func(*proto.Env) {}) }), "the lock is held for ever"); err != nil {
		t.Error(err)
	}
	close(cancel)
	within(t, over, "Await does not end")
}
