// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"time"

	"protean/transport"
)

// newTimer returns the timer that f is called by: the transport's own, or the
// system's.
func newTimer(t transport.Transport, f func()) transport.Timer {
	if s, ok := transport.As[transport.Scheduler](t); ok {
		if m := s.NewTimer(f); m != nil {
			return m
		}
	}
	m := time.AfterFunc(time.Hour, f)
	m.Stop()
	return &systemTimer{m, t}
}

// A systemTimer is the system's, for times on the transport's clock.
type systemTimer struct {
	timer *time.Timer
	t     transport.Transport
}

func (m *systemTimer) Stop() { m.timer.Stop() }

func (m *systemTimer) Reset(at time.Time) {
	d := time.Until(at)
	if c, ok := transport.As[transport.Clock](m.t); ok {
		d = at.Sub(c.Now())
	}
	m.timer.Reset(max(0, d))
}

// read returns the time in Unix nanoseconds, which never goes back.
func (t *Transport) read() int64 {
	var now int64
	if t.clock != nil {
		now = t.clock.Now().UnixNano()
	} else {
		now = t.base.UnixNano() + int64(time.Since(t.base))
	}
	t.now = max(t.now, now)
	return t.now
}

// fire makes everything happen that is due.
func (t *Transport) fire(now int64) {
	for {
		at, seq, ok := t.out.Next()
		at2, seq2, ok2 := t.in.Next()
		if ok2 && (!ok || at2 < at || at2 == at && seq2 < seq) {
			if at2 > now {
				break
			}
			t.in.Fire()
			continue
		}
		if !ok || at > now {
			break
		}
		t.out.Fire()
	}
	t.arm()
}

// next returns when something is due; false if nothing is.
func (t *Transport) next() (int64, bool) {
	at, _, ok := t.out.Next()
	at2, _, ok2 := t.in.Next()
	if ok2 && (!ok || at2 < at) {
		return at2, true
	}
	return at, ok
}

// arm has the timer expire when something is due.
func (t *Transport) arm() {
	if t.timer == nil {
		return
	}
	at, ok := t.next()
	switch {
	case t.closed:
	case !ok:
		if t.armed != 0 {
			t.armed = 0
			t.timer.Stop()
		}
	case at != t.armed:
		t.armed = at
		t.timer.Reset(t.base.Add(time.Duration(at - t.base.UnixNano())))
	}
}

// retry is how long the timer waits when the transport below has no room and
// nobody may be waiting for it.
const retry = time.Millisecond

// retryLater has the timer expire soon.
func (t *Transport) retryLater() {
	if at := t.read() + int64(retry); t.timer != nil && !t.closed && (t.armed == 0 || t.armed > at) {
		t.armed = at
		t.timer.Reset(t.base.Add(time.Duration(at - t.base.UnixNano())))
	}
}

// tick is called by the timer.
func (t *Transport) tick() {
	if t.enter() == nil {
		t.mu.Lock()
		t.armed = 0
		t.mu.Unlock()
		t.catchUp()
		t.leave()
	}
}

// catchUp makes everything happen that is due, and sends what has come through.
func (t *Transport) catchUp() {
	t.mu.Lock()
	if _, ok := t.next(); ok {
		t.fire(t.read())
	}
	for _, q := range t.queues {
		if q.backlog.Len() > 0 {
			t.mu.Unlock()
			q.transmit()
			t.mu.Lock()
		}
	}
	t.mu.Unlock()
}

// A Stepper is a program that is driven step by step: see package sim.
type Stepper interface {
	Poll(now time.Time) (next time.Time, err error)
}

// Stepper returns what has to be driven in the place of s, a program over t,
// where time is virtual:
//
//	d, err := impair.New(node, cfg)
//	h, err := proto.NewHost(d, nil)
//	it, _ := transport.As[*impair.Transport](d)
//	err = network.Attach(node, it.Stepper(h))
func (t *Transport) Stepper(s Stepper) Stepper { return &stepper{t, s} }

type stepper struct {
	t *Transport
	s Stepper
}

// Poll implements [Stepper].
func (s *stepper) Poll(now time.Time) (time.Time, error) {
	t := s.t
	if t.enter() == nil {
		t.catchUp()
		t.leave()
	}
	next, err := s.s.Poll(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.next(); ok && !t.closed {
		if due := time.Unix(0, at).UTC(); next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return next, err
}
