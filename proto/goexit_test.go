// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"net"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
)

// A callback may end its goroutine, as a test's FailNow does. What it leaves to others
// must be there for them.

// onItsOwn runs f on a goroutine that f may end.
func onItsOwn(t *testing.T, f func()) {
	t.Helper()
	ended := make(chan struct{})
	go func() { defer close(ended); f() }()
	within(t, ended, "hangs")
}

// await starts an Await of f, which is called once before await returns.
func await(t *testing.T, b *proto.Binding, f func(*proto.Env) bool) <-chan error {
	c := started(func() error { return b.Await(nil, f) })
	synctest.Wait()
	return c
}

func TestGoexitInOneAwaitLeavesTheOthersWaiting(t *testing.T) {
	for _, driver := range []string{"Do", "Poll"} {
		synctest.Test(t, func(t *testing.T) {
			h := rigHost(t, newRig(1), nil)
			b := handle(t, h, 253, &script{})
			ready := make([]bool, 4)
			var all []<-chan error
			for i := range ready {
				all = append(all, await(t, b, func(*proto.Env) bool {
					if ready[i] && i%2 == 1 {
						runtime.Goexit()
					}
					return ready[i]
				}))
			}
			notify := func(from, to int) {
				onItsOwn(t, func() {
					f := func(env *proto.Env) {
						for i := from; i < to; i++ {
							ready[i] = true
						}
						env.Notify()
						env.Send(proto.Header{Dst: rigPeer}, nil)
					}
					if driver == "Do" {
						b.Do(f)
						return
					}
					b.Post(f)
					h.Poll(time.Now())
				})
				synctest.Wait()
			}
			notify(0, 2)
			for i, c := range all {
				if done := !waiting(c); done != (i < 2) {
					t.Errorf("%s: Await %d has returned: %v", driver, i, done)
				}
			}
			notify(2, 4)
			for i, c := range all {
				if err := within(t, c, "Await does not return"); (err != nil) != (i%2 == 1) {
					t.Errorf("%s: Await %d: %v", driver, i, err)
				}
			}
			do(t, b, func(env *proto.Env) { env.Notify() })
			if s := h.Stats(); s.Sent != 2 || s.Panics != 0 {
				t.Errorf("%s: %d packets sent, %d panics; want 2 and 0", driver, s.Sent, s.Panics)
			}
		})
	}
}

func TestGoexitInStopClosesAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		b := handle(t, h, 253, &script{stop: func(env *proto.Env) {
			env.Send(proto.Header{Dst: rigPeer}, nil)
			runtime.Goexit()
		}})
		w := await(t, b, func(*proto.Env) bool { return false })
		onItsOwn(t, func() { b.Close() })
		if err := within(t, w, "Await goes on"); err != net.ErrClosed {
			t.Errorf("Await: %v", err)
		}
		if err := within(t, started(b.Close), "Close hangs"); err != nil {
			t.Error(err)
		}
		if err := b.Do(func(*proto.Env) {}); err != net.ErrClosed {
			t.Errorf("Do: %v", err)
		}
		handle(t, h, 253, &script{})
		if s := h.Stats(); s.Sent != 1 || r.binds[253] != 1 {
			t.Errorf("%d packets sent, protocol bound %d times; want 1 and 1", s.Sent, r.binds[253])
		}
	})
}

// TestGoexitInOneCallbackPutsOthersOffOnly has the first of what there is to do end the pass,
// for each kind of it.
func TestGoexitInOneCallbackPutsOthersOffOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := rigHost(t, newRig(1), nil)
		var ran []string
		as := func(name string) func(*proto.Env) {
			return func(*proto.Env) {
				if ran = append(ran, name); name[0] == '!' {
					runtime.Goexit()
				}
			}
		}
		pass := func(what string, want ...string) {
			t.Helper()
			ran = nil
			for range 2 {
				onItsOwn(t, func() { follow(t, h, time.Now()) })
			}
			if !slices.Equal(ran, want) {
				t.Errorf("%s: ran %v, want %v", what, ran, want)
			}
		}
		a, b := handle(t, h, 253, &script{}), handle(t, h, 254, &script{})
		pass("nothing")
		for _, f := range []string{"!1", "2", "3"} {
			a.Post(as(f))
		}
		b.Post(as("4"))
		pass("posted functions", "!1", "2", "3", "4")

		do(t, a, func(env *proto.Env) { env.After(0, as("!1")); env.After(0, as("2")) })
		do(t, b, func(env *proto.Env) { env.After(0, as("3")) })
		pass("timers", "!1", "2", "3")

		do(t, a, func(env *proto.Env) { env.OnRoom(as("!1")); env.OnRoom(as("2")) })
		do(t, b, func(env *proto.Env) { env.OnRoom(as("3")) })
		pass("room", "!1", "2", "3")
	})
}
