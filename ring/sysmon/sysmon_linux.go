// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sysmon

import (
	"runtime/metrics"

	"golang.org/x/sys/unix"
)

// runnable is the number of goroutines that could run but do not, which takes 50 ns
// to find out.
const runnable = "/sched/goroutines/runnable:goroutines"

// Guard belongs to one loop. The zero value is ready for use.
type Guard struct {
	sample [1]metrics.Sample
}

// Yield is to be called before the loop lets others run: by runtime.Gosched, or
// because it waits. It reports whether somebody will, and wakes the monitor thread
// then.
func (g *Guard) Yield() bool {
	g.sample[0].Name = runnable
	metrics.Read(g.sample[:])
	if v := g.sample[0].Value; v.Kind() == metrics.KindUint64 && v.Uint64() == 0 {
		return false
	}
	g.Wake()
	return true
}

// Wake wakes the monitor thread if it sleeps. A loop that always has something to
// do, and so never waits, is to call it every 10 ms or so: others may wait for the
// processor, or for the poller to be asked.
func (g *Guard) Wake() {
	unix.Syscall(unix.SYS_GETPPID, 0, 0, 0) // any that is not raw
}
