// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"errors"
	"runtime"
	"time"

	"protean/transport"
)

// Poll makes one pass that never blocks: it takes what packets are there, runs
// the timers due at now and the posted functions, and sends what they staged.
// The callbacks' Env.Now is now. It returns when to call it next: now means at
// once, a later time is that of the next timer, and the zero time means that
// only input will change anything. Times given to Poll must not go back; they
// need not be the system's, except that a transport with a clock of its own
// (transport.Clock) must be polled with its time. Errors: ErrRunning while Run
// or another Poll runs, also inside a callback; those of the transport.
func (h *Host) Poll(now time.Time) (next time.Time, err error) {
	if h.polling.Swap(true) {
		return time.Time{}, ErrRunning
	}
	defer h.polling.Store(false)
	if h.mode.Load() != modePoll {
		if !h.setMode(modePoll, now) {
			return time.Time{}, ErrRunning
		}
	}
	h.polled.Store(h.toNs(now))
	again := false
	for _, q := range h.queues {
		more, err := q.pass()
		if err != nil {
			return time.Time{}, err
		}
		again = again || more
	}
	due := int64(never)
	for _, q := range h.queues {
		due = min(due, q.due())
	}
	switch {
	case again || h.asked.Load() || h.housekey.Load() || due <= h.polled.Load():
		return now, nil
	case due != never:
		return h.toTime(due), nil
	}
	return time.Time{}, nil
}

// setMode changes how the host is driven, unless Run drives it. Host time goes
// on from where it is, whatever clock now is on.
func (h *Host) setMode(mode int32, now time.Time) bool {
	before := h.nowNs()
	if old := h.mode.Load(); old == modeRun || !h.mode.CompareAndSwap(old, mode) {
		return false
	}
	h.listLinks() // what changed, and changed back, before anybody received is not told
	if !h.ownClock {
		h.shift.Store(int64(now.Sub(h.epoch)) - before)
	}
	return true
}

// pass is one round of a loop. It reports whether there is more to do at once.
func (q *queue) pass() (more bool, err error) {
	q.passing.lock()
	q.listed = false
	returned := false
	defer func() {
		if !returned {
			q.cutShort()
		}
		q.passed()
	}()
	defer q.finish()
	if q.out.n != 0 && q.out.stuck {
		q.out.flushAll()
	}
	if !q.h.caps.SendOnly {
		n, err := q.recv(q.h.cfg.Batch)
		if err != nil {
			returned = true
			return false, err
		}
		more = n >= q.h.cfg.Batch || q.again
		q.again = false
	}
	q.expire()
	if q.index == 0 {
		more = q.chores() || more
	}
	returned = true
	return more, nil
}

// cutShort is called when a callback has ended the goroutine of a pass: the next one looks
// after the chores that this one may not have come to. An event or the end of a batch that
// other handlers were to be told of as well is lost to them.
func (q *queue) cutShort() {
	if h := q.h; q.index == 0 {
		h.housekey.Store(true)
		h.starved.Store(true)
		h.lowerNext(h.nowNs(), q)
	}
}

// passed ends a pass.
func (q *queue) passed() {
	if q.passing.unlock() {
		runtime.Gosched() // or a busy loop begins the next before who waits for this one has woken up
	}
}

// chores is what the first queue's loop does beside receiving.
func (q *queue) chores() (more bool) {
	h := q.h
	if h.housekey.Load() && h.housekey.Swap(false) {
		for _, b := range *h.bindings.Load() {
			if b.posted.Load() {
				b.service(q, -1<<63)
			}
		}
	}
	if h.next.Load() != never {
		if now := h.nowNs(); h.next.Load() <= now {
			more = q.runDue(now)
		}
	}
	if h.starved.Load() {
		q.roomCheck()
	}
	q.tellPaths()
	return more
}

// runDue runs the timers of all bindings that are due, and finds out when the
// next one will be.
func (q *queue) runDue(now int64) (more bool) {
	h := q.h
	h.next.Store(never)
	for _, b := range *h.bindings.Load() {
		due := b.due.Load()
		if due <= now {
			more = b.service(q, now) || more
			due = b.due.Load()
		}
		h.lowerNext(due, q)
	}
	return more
}

// roomCheck finds out whether there is room to send again, and tells those who
// wait for it.
func (q *queue) roomCheck() {
	h := q.h
	h.asked.Store(false)
	h.starved.Store(false)
	if _, err := q.out.next(); errors.Is(err, transport.ErrNoSlots) {
		h.starved.Store(true)
		return
	}
	for _, b := range *h.bindings.Load() {
		b.roomAgain(q)
	}
}

// starve has the loop look for room to send, on behalf of somebody who waits
// for it.
func (h *Host) starve() {
	h.starved.Store(true)
	h.asked.Store(true)
	h.queues[0].tq.Wake()
}
