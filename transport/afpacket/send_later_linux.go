// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import "time"

// Who only sends has no reason to call Wait or Recv while every Commit takes what it
// is given, so what the kernel had no room for cannot be left to those calls: a timer
// has it tried again. Wait comes to that earlier, and puts the timer off each time.
const (
	tryAfter = 2 * retryAfter

	// A link that is down may be so for long, and is asked about seldom.
	tryDownAfter = 100 * time.Millisecond
)

// after has f called in a while, by a timer that is made when it is needed first. It
// is called under the lock that f takes.
func (q *queue) after(timer **time.Timer, d time.Duration, f func(*queue)) {
	if *timer != nil {
		(*timer).Reset(d)
		return
	}
	*timer = time.AfterFunc(d, func() {
		if q.t.calls.Enter() { // Close waits until this has left
			f(q)
			q.t.calls.Leave()
		}
	})
}

// stopTimers is called when nobody can arm them any more.
func (q *queue) stopTimers() {
	for _, timer := range []*time.Timer{q.tx.ring.timer, q.tx.held.timer} {
		if timer != nil {
			timer.Stop()
		}
	}
}

// kickLater has the ring kicked again in a while, unless somebody does it before. The
// caller holds mu.
func (s *ringSender) kickLater(q *queue, d time.Duration) {
	s.later = true
	q.after(&s.timer, d, func(q *queue) { q.tx.ring.again(q) })
}

// noKickLater takes that back. The caller holds mu.
func (s *ringSender) noKickLater() {
	if s.later {
		s.later = false
		s.timer.Stop()
	}
}
