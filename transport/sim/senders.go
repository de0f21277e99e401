// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"bytes"
	"runtime"
	"runtime/metrics"
	"time"
)

// In a bubble, what two goroutines send on one handle at the same instant,
// neither having waited for the other, has no order that could be the same in
// every run. That is not to be mistaken for one that hands over to another,
// which has. So Commit does not return before all other goroutines are blocked,
// be it by a lock that its caller holds: who comes to send on the same handle
// meanwhile has not waited for it.

// A quiet finds out whether other goroutines run. A processor that looks for
// work counts as running one, for microseconds, and one whose thread the kernel
// has put aside for milliseconds. That is waited for only as long as it may
// matter: at first, and while there is more than one call of Commit between two
// barriers.
type quiet struct {
	counts  [2]metrics.Sample
	round   uint64 // of the loop, of the last Commit
	careful int    // for so many more rounds
	clock   func() time.Duration
}

const (
	carefulFirst = 64
	carefulAgain = 256
	quietReads   = 3   // in a row: the runtime's counts are approximate
	spinReads    = 300 // before the first nap
	mostNaps     = 100 // in a row

	// Others may be busy that have nothing to do with this. With one processor,
	// each gets it for 10 ms at a time. So many waits of a network may be in
	// vain; those that follow are short.
	mostVain  = 10
	longWait  = 500 * time.Millisecond
	shortWait = 5 * time.Millisecond
)

func (q *quiet) init() {
	q.counts[0].Name = "/sched/goroutines/running:goroutines"
	q.counts[1].Name = "/sched/goroutines/runnable:goroutines"
	q.careful = carefulFirst
	q.clock = realTime
}

// wait returns when the caller is the only goroutine that could run. It reports
// whether it has waited in vain.
func (q *quiet) wait(patient bool) (vain bool) {
	naps, limit := mostNaps, longWait
	if !patient {
		naps, limit = 0, shortWait
	}
	begin := q.clock()
	for i, n := 0, 0; n < quietReads; i++ {
		metrics.Read(q.counts[:])
		switch running, runnable := q.counts[0].Value.Uint64(), q.counts[1].Value.Uint64(); {
		case runnable == 0 && running <= 1:
			if n++; n == 1 {
				// While the world is being stopped, a processor that has
				// stopped is not counted, whatever it was at. Through the
				// scheduler one comes only when the world goes on.
				runtime.Gosched()
			}
			continue
		case runnable > 0:
			runtime.Gosched()
		case q.careful == 0:
			return false
		}
		n = 0
		if q.clock()-begin > limit {
			return true
		}
		if i < spinReads {
			continue
		}
		if naps == 0 {
			return true
		}
		naps--
		nap()
	}
	return false
}

// sends is called by Commit, with n.mu held, which it lets go of meanwhile.
func (t *Transport) sends() {
	if t.sending {
		t.unordered()
		return
	}
	if round := t.net.bubble.round; t.quiet.round != round {
		t.quiet.round = round
		t.quiet.careful = max(0, t.quiet.careful-1)
	} else {
		t.quiet.careful = carefulAgain
	}
	t.sending = true
	patient := t.net.bubble.vain < mostVain
	t.net.mu.Unlock()
	vain := t.quiet.wait(patient)
	t.net.mu.Lock()
	t.sending = false
	if vain && patient {
		t.net.bubble.vain++
	}
}

// Contended implements [transport.Scheduler].
func (t *Transport) Contended() {
	if !t.net.inBubble() {
		return
	}
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	t.unordered()
}

// unordered reports that the caller sends on t beside another; once is enough.
func (t *Transport) unordered() {
	if t.warned {
		return
	}
	t.warned = true
	const most = 1 << 20
	all := make([]byte, most)
	all = all[:runtime.Stack(all, true)]
	e := &ConcurrentError{Handle: t.name, Time: unix(t.net.clock())}
	for i, one := range bytes.Split(all, []byte("\n\n")) {
		// The caller's comes first; others that send are seen by what they call.
		if i == 0 || bytes.Contains(one, []byte("sim.(*quiet).wait")) || bytes.Contains(one, []byte(commitName)) {
			e.Stacks += "\n" + string(one) + "\n"
		}
	}
	t.net.fail(e)
	t.net.rouse()
}

// commitName is the name of Commit in a stack.
const commitName = "protean/transport/sim.(*queue).Commit"
