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
	doubts = 3  // naps in a row that were no use, after which there are none for a while
)

// pauses are for how many calls of Next there is no nap: first, then, and so on. They are
// prime numbers, lest regular bursts meet each try at the same place.
var pauses = [...]int{61, 251, 1021, 4093}

// A Pacer is one receive loop's. The zero value is ready for use.
type Pacer struct {
	calls   int
	packets uint64        // at the start of the window
	since   time.Duration // start of the window
	each    time.Duration // from one packet to the next in the window before
	busy    bool
	napping bool // since the latest call of Next
	proven  bool // a nap was of use since the last pause
	doubt   int  // how many naps in a row were no use
	wary    int  // how many pauses there were since a nap was of use

	last    time.Duration // the call of Next before this one
	seen    uint64        // packets at that time
	prompt  int           // how many waits were
	yielded time.Duration // when others got to run
	alone   bool          // there is one processor
}

// Next returns what a loop does that is about to wait, having received so many
// packets since it began: nap, or linger.
func (p *Pacer) Next(now time.Duration, packets uint64) (nap bool) {
	gap := now - p.last
	if p.napping {
		p.napped(gap, packets-p.seen)
	}
	switch {
	case packets == p.seen || gap >= 10*Prompt:
		p.prompt = 0
	case gap >= Prompt: // one that is late may be an accident
		p.prompt /= 2
	case p.prompt < 2*Regular:
		p.prompt++
	}
	if gap >= forgotten {
		p.wary, p.calls, p.proven = 0, 0, false
	}
	p.last, p.seen = now, packets
	if p.calls--; p.calls <= 0 {
		p.calls = window
		p.alone = runtime.GOMAXPROCS(0) == 1
		n, d := packets-p.packets, now-p.since
		p.packets, p.since = packets, now
		p.each = d / time.Duration(max(n, 1))
		p.busy = n > 0 && p.each < time.Second/Busy
	}
	p.napping = p.busy
	return p.busy
}

// forgotten is after how long without a call of Next old pauses do not count.
const forgotten = time.Second

// napped looks at a nap, in which so many packets came, d after it began. If they are
// less than half of what came in as much time before, who sends may be waiting for our
// answers: round trips of less than 10 µs make more than Busy packets per second. The end
// of a burst looks the same, and so it takes some in a row. A single packet is enough
// where none was of use since the last pause: in a burst, the first of them are.
func (p *Pacer) napped(d time.Duration, packets uint64) {
	switch {
	case d >= 10*Prompt: // more than a nap
	case 2*time.Duration(packets)*p.each >= d:
		p.doubt, p.wary, p.proven = 0, 0, true
	default:
		p.doubt++
	}
	if p.doubt == 0 || p.doubt < doubts && (p.proven || packets > 1) {
		return
	}
	p.busy, p.doubt, p.proven = false, 0, false
	p.calls = pauses[min(p.wary, len(pauses)-1)]
	p.wary++
	p.since, p.packets = p.last+d, p.seen+packets
}

// Idle tells that nothing has come during a nap: the rate is determined anew.
func (p *Pacer) Idle() {
	p.busy, p.napping = false, false
	p.calls, p.doubt = 0, 0
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
