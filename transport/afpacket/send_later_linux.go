// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import "time"

// Who only sends has no reason to call Wait or Recv while every Commit takes what it
// is given, so what the kernel had no room for cannot be left to those calls: a timer
// has it tried again. Wait comes to that earlier, and puts the timer off each time.
const (
	kickAfter = 2 * retryAfter

	// A link that is down may be so for long, and is asked about seldom.
	kickDownAfter = 100 * time.Millisecond
)

// kickLater has the ring kicked again in a while, unless somebody does it before, or
// the transport is being closed, which tries it until the end. The caller holds mu.
func (s *ringSender) kickLater(q *queue, after time.Duration) {
	if q.t.calls.Closing() {
		return
	}
	s.later = true
	if s.timer != nil {
		s.timer.Reset(after)
		return
	}
	s.timer = time.AfterFunc(after, func() {
		if q.t.calls.Enter() { // Close waits until this has left
			s.again(q)
			q.t.calls.Leave()
		}
	})
}

// noKickLater takes that back. The caller holds mu.
func (s *ringSender) noKickLater() {
	if s.later {
		s.later = false
		s.timer.Stop()
	}
}
