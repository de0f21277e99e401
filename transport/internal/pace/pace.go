// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package pace

import (
	"runtime"
	"time"
)

const (
	// Linger is how long a thread waits in the kernel for a packet, at most.
	Linger = 50 * time.Microsecond

	// Patience is how long it does where packets have come one soon after the
	// other, at most. The kernel's tick comes before (of 4 ms or less, CONFIG_HZ),
	// so that no clock has to be set to end the wait, nor again when it is over.
	Patience = 4 * time.Millisecond

	// Prompt is how soon after the last wait the next one begins, with packets in
	// between, where they come soon. Regular is how many such waits make Patience.
	Prompt  = 100 * time.Microsecond
	Regular = 32

	// Nap is how long a busy loop lets packets gather. The kernel makes 50 µs
	// more of it (PR_SET_TIMERSLACK in prctl(2)), so packets come in batches
	// of seven or more at a rate of Busy.
	Nap = 20 * time.Microsecond

	// Busy is the rate in packets per second above which a loop naps.
	Busy = 100_000

	// Share is how often others get to run where there are processors for them:
	// each time, the runtime wakes up one that has nothing to do.
	Share = time.Millisecond

	// ShareAlone is how often they do where the loop has the only one, while
	// packets come and come: the runtime looks at their timers then.
	ShareAlone = 200 * time.Microsecond

	window = 16 // calls of Next after which the rate is determined anew
)

// A Pacer is one receive loop's. The zero value is ready for use.
type Pacer struct {
	calls   int
	packets uint64        // at the start of the window
	since   time.Duration // start of the window
	busy    bool

	last    time.Duration // the call of Next before this one
	seen    uint64        // packets at that time
	prompt  int           // how many waits were
	yielded time.Duration // when others got to run
	alone   bool          // there is one processor
}

// Next returns what a loop does that is about to wait, having received so many
// packets since it began: nap, or linger.
func (p *Pacer) Next(now time.Duration, packets uint64) (nap bool) {
	switch gap := now - p.last; {
	case packets == p.seen || gap >= 10*Prompt:
		p.prompt = 0
	case gap >= Prompt: // one that is late may be an accident
		p.prompt /= 2
	case p.prompt < 2*Regular:
		p.prompt++
	}
	p.last, p.seen = now, packets
	if p.calls--; p.calls > 0 {
		return p.busy
	}
	p.calls = window
	p.alone = runtime.GOMAXPROCS(0) == 1
	n, d := packets-p.packets, now-p.since
	p.packets, p.since = packets, now
	p.busy = n > 0 && d < time.Duration(n)*(time.Second/Busy)
	return p.busy
}

// Idle tells that nothing has come during a nap: the rate is determined anew.
func (p *Pacer) Idle() {
	p.busy = false
	p.calls = 0
}

// Bound returns for how long to linger after Next.
func (p *Pacer) Bound() time.Duration {
	if p.prompt >= Regular {
		return Patience
	}
	return Linger
}

// Alone reports whether the loop has the only processor (GOMAXPROCS is 1), as of
// the last calls of Next.
func (p *Pacer) Alone() bool { return p.alone }

// Yield reports whether other goroutines are to run first, after Next at the
// same time: with one processor if the thread blocks, or if that was long ago.
func (p *Pacer) Yield(now time.Duration, blocks bool) bool {
	every := Share
	if p.alone {
		every = ShareAlone
	}
	if !(blocks && p.alone) && now-p.yielded < every {
		return false
	}
	p.yielded = now
	return true
}
