// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package pace

import "time"

const (
	// Linger is how long a thread waits in the kernel for a packet, at most.
	Linger = 50 * time.Microsecond

	// Nap is how long a busy loop lets packets gather. The kernel makes 50 µs
	// more of it (PR_SET_TIMERSLACK in prctl(2)), so packets come in batches
	// of seven or more at a rate of Busy.
	Nap = 20 * time.Microsecond

	// Busy is the rate in packets per second above which a loop naps.
	Busy = 100_000

	window = 16 // calls of Next after which the rate is determined anew
)

// A Pacer is one receive loop's. The zero value is ready for use.
type Pacer struct {
	calls   int
	packets uint64    // at the start of the window
	since   time.Time // start of the window
	busy    bool
}

// Next returns what a loop does that is about to wait, having received so many
// packets since it began: nap, or linger.
func (p *Pacer) Next(now time.Time, packets uint64) (nap bool) {
	if p.calls--; p.calls > 0 {
		return p.busy
	}
	p.calls = window
	n, d := packets-p.packets, now.Sub(p.since)
	p.packets, p.since = packets, now
	p.busy = n > 0 && d < time.Duration(n)*(time.Second/Busy)
	return p.busy
}

// Idle tells that nothing has come during a nap: the rate is determined anew.
func (p *Pacer) Idle() {
	p.busy = false
	p.calls = 0
}
