// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package pace

import "time"

// A Guess says whether a loop that is about to wait for a socket tries to receive
// from it first, without asking whether there is anything. It is worth that where
// the last try was, as it is where the other side of questions and answers runs on
// the same processor, while the answer is sent: then two system calls make an
// echo instead of three. After a try in vain, it is not tried for a while. The
// zero value is ready for use.
type Guess struct {
	misses int           // in a row, or mostCautious
	wait   int           // calls of Try until the next try
	since  time.Duration // when Try was called first after Asked; 0: it was not
}

// GuessFor is for how long a loop goes by guesses, before it asks what else there is:
// other sockets, errors, changes of the interface.
const GuessFor = time.Millisecond

// mostCautious bounds what tries cost that are in vain: one for so many waits, as
// a power of two.
const mostCautious = 6

// Asked tells that the loop has asked the kernel for all there is.
func (g *Guess) Asked() { g.since = 0 }

// Try reports whether to try now. What comes of it is then told to Found.
func (g *Guess) Try(now time.Duration) bool {
	if g.since == 0 {
		g.since = now
	}
	if now-g.since > GuessFor {
		return false
	}
	if g.wait > 0 {
		g.wait--
		return false
	}
	return true
}

// Found tells whether there was something.
func (g *Guess) Found(some bool) {
	if some {
		g.misses = 0
		return
	}
	g.misses = min(g.misses+1, mostCautious)
	g.wait = 1<<g.misses - 1
}
