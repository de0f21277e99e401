// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
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
// been looked at in this round already.
func TestNotifyInAnAwaitFunctionWakesThoseBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := rigHost(t, newRig(1), nil)
		b := handle(t, h, 253, proto.HandlerFunc(echo))
		runHost(t, h)
		data, room := 0, 0
		producer := started(func() error {
			return b.Await(nil, func(*proto.Env) bool { return room > 0 })
		})
		synctest.Wait()
		consumer := started(func() error {
			return b.Await(nil, func(env *proto.Env) bool {
				if data == 0 {
					return false
				}
				room++
				env.Notify()
				return true
			})
		})
		synctest.Wait()
		do(t, b, func(env *proto.Env) { data++; env.Notify() })
		if err := within(t, consumer, "the consumer was not woken"); err != nil {
			t.Error(err)
		}
		if err := within(t, producer, "the producer was not woken by the consumer"); err != nil {
			t.Error(err)
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
		do(t, b, func(env *proto.Env) { armed = true; env.Notify() })
		if err := within(t, done, "Await has not returned"); err == nil {
			t.Error("Await of a function that panics: no error")
		}
		do(t, b, func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
				t.Errorf("Send afterwards: %v", err)
			}
		})
		if s := h.Stats(); s.Panics != 1 || s.Sent != 1 || r.qs[0].slots() != 0 {
			t.Errorf("panics %d, sent %d, %d slots kept; want 1, 1, 0", s.Panics, s.Sent, r.qs[0].slots())
		}
	})
}
