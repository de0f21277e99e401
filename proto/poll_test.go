// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/transport"
)

// follow calls Poll when Poll says so, until only input changes anything.
func follow(t *testing.T, h *proto.Host, now time.Time) {
	t.Helper()
	next := poll(t, h, now)
	for range 100 {
		if next.IsZero() {
			return
		}
		next = poll(t, h, next)
	}
	t.Error("Poll wants to be called for ever")
}

func TestPollAsksToBeCalledAgainAfterAPanic(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	n := 0
	handle(t, h, 253, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error {
		if n++; n == 1 {
			panic("boom")
		}
		return nil
	}))
	r.qs[0].put(in(253), in(253), in(253))
	now := time.Now()
	if next := poll(t, h, now); !next.Equal(now) {
		t.Errorf("%d of 3 packets handled, and Poll says %v; want now", n, next)
	}
	follow(t, h, now)
	if s := addsUp(t, h); s.Received != 3 || s.Taken != 2 {
		t.Errorf("received %d, taken %d, want 3 and 2", s.Received, s.Taken)
	}
}

func TestFollowingPollsAdviceRunsEverything(t *testing.T) {
	h := rigHost(t, newRig(1), nil)
	now := time.Now()
	poll(t, h, now)
	var ran []int
	for i := range 2 {
		handle(t, h, uint8(253+i), &script{start: func(env *proto.Env) error {
			env.After(time.Duration(i+1)*time.Second, func(env *proto.Env) {
				ran = append(ran, i)
				env.Binding().Post(func(*proto.Env) { ran = append(ran, 10+i) })
			})
			return nil
		}})
	}
	follow(t, h, now)
	if !slices.Equal(ran, []int{0, 10, 1, 11}) {
		t.Errorf("ran %v, want 0 10 1 11", ran)
	}
}

func TestPollRunsOnRoomAskedForInTheSamePass(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	called := 0
	handle(t, h, 253, &script{end: func(env *proto.Env) error {
		env.OnRoom(func(*proto.Env) { called++ })
		return nil
	}})
	r.qs[0].put(in(253))
	follow(t, h, time.Now())
	if called != 1 {
		t.Errorf("OnRoom's function ran %d times, want once: there is room", called)
	}
}

// Room is that of the first queue, through which its functions send.
func TestOnRoomOfAnotherQueueIsServedByTheFirst(t *testing.T) {
	r := newRig(2)
	h := rigHost(t, r, nil)
	handle(t, h, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		if err := env.Send(proto.Header{Dst: p.Src()}, nil); err != proto.ErrNoSlots {
			t.Errorf("Send: %v, want ErrNoSlots", err)
		}
		env.OnRoom(func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
				t.Errorf("Send when there is room: %v", err)
			}
		})
		return nil
	}))
	r.qs[1].free = 0
	r.qs[1].put(in(253))
	follow(t, h, time.Now())
	if n := len(r.qs[0].packets()); n != 1 {
		t.Errorf("%d packets sent, want 1", n)
	}
}

func TestPollsTimeMayBeAnother(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	var at, now []time.Time
	b := handle(t, h, 253, &script{
		start: func(env *proto.Env) error {
			env.After(time.Second, func(env *proto.Env) { at = append(at, env.Now()) })
			return nil
		},
		err: func(env *proto.Env, e *proto.NetworkError) error {
			at = append(at, time.Unix(0, e.Time))
			now = append(now, env.Now())
			return nil
		},
	})
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	next := poll(t, h, start)
	if d := next.Sub(start); d <= 0 || d > time.Second {
		t.Errorf("Poll says to come back after %v for a timer of 1s", d)
	}
	poll(t, h, start.Add(time.Second))
	if len(at) != 1 || !at[0].Equal(start.Add(time.Second)) {
		t.Fatalf("the timer ran at %v, want %v", at, start.Add(time.Second))
	}
	r.qs[0].commit = func(int) (int, error) { return 0, &transport.TooBigError{Size: 2, MTU: 1} }
	do(t, b, func(env *proto.Env) {
		if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
			t.Error(err)
		}
	})
	poll(t, h, start.Add(time.Second))
	if len(now) != 1 || !at[1].Equal(now[0]) {
		t.Errorf("a refusal at %v, reported at %v; want the same time", at[1:], now)
	}
}

func TestATimerForEverDoesNotRun(t *testing.T) {
	h := rigHost(t, newRig(1), nil)
	handle(t, h, 253, &script{start: func(env *proto.Env) error {
		env.After(math.MaxInt64, func(*proto.Env) { t.Error("a timer 292 years from now ran") })
		return nil
	}})
	now := time.Now()
	for i := range 3 {
		poll(t, h, now.Add(time.Duration(i)*time.Hour))
	}
}

func TestPollInACallbackIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		handle(t, h, 253, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error {
			if _, err := h.Poll(time.Now()); err != proto.ErrRunning {
				t.Errorf("Poll: %v, want ErrRunning", err)
			}
			return nil
		}))
		r.qs[0].put(in(253), in(253))
		err := within(t, started(func() error { _, err := h.Poll(time.Now()); return err }), "Poll hangs")
		if s := addsUp(t, h); err != nil || s.Taken != 2 {
			t.Errorf("Poll: %v, took %d packets; want 2", err, s.Taken)
		}
	})
}
