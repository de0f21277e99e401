// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"math"
	"time"
)

// never is a time that does not come, in nanoseconds of the host's time.
const never = math.MaxInt64

// A Timer calls a function on the loop at a time. It belongs to the Env that
// made it and may be used on the loop only, where re-arming it costs no
// allocation. Timers that are due at the same time run in the order in which
// they were armed; one armed to run now runs in the next pass.
type Timer struct {
	b   *Binding
	f   func(*Env)
	due int64  // host time
	seq uint64 // order of arming
	pos int    // in the heap, -1 when not armed
}

// Reset arms the timer to run after d, in place of when it was to run before.
// A negative d counts as zero. The error is ErrNotOnLoop, or net.ErrClosed
// when the binding is closed.
func (t *Timer) Reset(d time.Duration) error {
	if err := t.b.checkLoop(); err != nil {
		return err
	}
	now := t.b.env().nowNs()
	t.b.timers.arm(t, now+min(max(int64(d), 0), never-max(now, 0)))
	return nil
}

// ResetAt is Reset for a point in time.
func (t *Timer) ResetAt(at time.Time) error {
	if err := t.b.checkLoop(); err != nil {
		return err
	}
	t.b.timers.arm(t, max(t.b.host.toNs(at), t.b.env().nowNs()))
	return nil
}

// Stop disarms the timer: its function does not run any more, unless it is
// armed again. It reports whether the timer was armed.
func (t *Timer) Stop() bool {
	if t.pos < 0 || t.b.checkLoop() != nil {
		return false
	}
	t.b.timers.remove(t)
	return true
}

// Armed reports whether the timer is going to run.
func (t *Timer) Armed() bool { return t.pos >= 0 }

// When returns when the timer is going to run; the zero Time if it is not
// armed.
func (t *Timer) When() time.Time {
	if t.pos < 0 {
		return time.Time{}
	}
	return t.b.host.toTime(t.due)
}

// timerHeap is a binary heap by due time, then order of arming. container/heap
// would do, but for its calls through an interface on the path of every
// re-armed retransmission timer.
type timerHeap struct {
	h   []*Timer
	seq uint64
}

func (th *timerHeap) next() int64 {
	if len(th.h) == 0 {
		return never
	}
	return th.h[0].due
}

func (th *timerHeap) arm(t *Timer, due int64) {
	th.seq++
	t.due, t.seq = due, th.seq
	if t.pos < 0 {
		t.pos = len(th.h)
		th.h = append(th.h, t)
		th.up(t.pos)
		return
	}
	if !th.up(t.pos) {
		th.down(t.pos)
	}
}

func (th *timerHeap) remove(t *Timer) {
	i, last := t.pos, len(th.h)-1
	t.pos = -1
	moved := th.h[last]
	th.h[last] = nil
	th.h = th.h[:last]
	if i == last {
		return
	}
	th.h[i], moved.pos = moved, i
	if !th.up(i) {
		th.down(i)
	}
}

// pop takes out the first timer if it is due at now and was armed before the
// pass that began at seq.
func (th *timerHeap) pop(now int64, seq uint64) *Timer {
	if len(th.h) == 0 || th.h[0].due > now || th.h[0].seq > seq {
		return nil
	}
	t := th.h[0]
	th.remove(t)
	return t
}

func (th *timerHeap) clear() {
	for _, t := range th.h {
		t.pos = -1
	}
	clear(th.h)
	th.h = th.h[:0]
}

func (th *timerHeap) less(a, b *Timer) bool {
	return a.due < b.due || a.due == b.due && a.seq < b.seq
}

func (th *timerHeap) up(i int) (moved bool) {
	t := th.h[i]
	for i > 0 {
		p := (i - 1) / 2
		if !th.less(t, th.h[p]) {
			break
		}
		th.h[i] = th.h[p]
		th.h[i].pos = i
		i, moved = p, true
	}
	th.h[i], t.pos = t, i
	return moved
}

func (th *timerHeap) down(i int) {
	t := th.h[i]
	for {
		c := 2*i + 1
		if c >= len(th.h) {
			break
		}
		if c+1 < len(th.h) && th.less(th.h[c+1], th.h[c]) {
			c++
		}
		if !th.less(th.h[c], t) {
			break
		}
		th.h[i] = th.h[c]
		th.h[i].pos = i
		i = c
	}
	th.h[i], t.pos = t, i
}
