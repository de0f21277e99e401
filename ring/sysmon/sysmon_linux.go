// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sysmon

import (
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

// Turn is how often a loop is to be parked, so that the poller is asked for
// others: as often as the monitor thread asks it.
const Turn = 10 * time.Millisecond

// runnable is the number of goroutines that could run but do not, which takes 50
// to 110 ns to find out.
const runnable = "/sched/goroutines/runnable:goroutines"

var began = time.Now()

// Now returns the time since the program began. It reads one clock, where time.Now
// reads two.
func Now() time.Duration { return time.Since(began) }

// Guard belongs to one loop, which calls its methods. The zero value is ready for
// use.
type Guard struct {
	sample [1]metrics.Sample
	parked time.Duration // last, by Now
}

// Parked tells that the loop was parked until now.
func (g *Guard) Parked(now time.Duration) { g.parked = now }

// Awake returns for how long the loop was not parked.
func (g *Guard) Awake(now time.Duration) time.Duration { return now - g.parked }

// Yield is to be called before the loop lets others run: by runtime.Gosched, or
// because it waits. It reports whether somebody will, and wakes the monitor thread
// then.
func (g *Guard) Yield() bool {
	g.sample[0].Name = runnable
	metrics.Read(g.sample[:])
	if v := g.sample[0].Value; v.Kind() == metrics.KindUint64 && v.Uint64() == 0 {
		return false
	}
	wake()
	return true
}

// Busy is to be called now and then by a loop that has something to do. It wakes
// the monitor thread every two turns for which the loop was not parked: others may
// wait for the processor, or for the poller to be asked.
func (g *Guard) Busy(now time.Duration) {
	if g.Awake(now) > 2*Turn {
		g.parked = now
		wake()
	}
}

// wake makes a system call that is not raw.
func wake() { unix.Syscall(unix.SYS_GETPPID, 0, 0, 0) }
