// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"errors"
	"time"

	"protean/transport"
)

// Poll makes one pass that never blocks: it takes what packets are there, runs
// the timers due at now and the posted functions, and sends what they staged.
// The callbacks' Env.Now is now. It returns when to call it next: now means at
// once, a later time is that of the next timer, and the zero time means that
// only input will change anything. Poll must not be called concurrently.
func (h *Host) Poll(now time.Time) (next time.Time, err error) {
	if h.mode.Load() != modePoll && !h.mode.CompareAndSwap(modeIdle, modePoll) {
		return time.Time{}, ErrRunning
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
	due := h.next.Load()
	switch {
	case again || h.housekey.Load() || due <= h.polled.Load():
		return now, nil
	case due != never:
		return h.toTime(due), nil
	}
	return time.Time{}, nil
}

// pass is one round of a loop. It reports whether there is more to do at once.
func (q *queue) pass() (more bool, err error) {
	defer q.finish()
	if q.out.n != 0 && q.out.stuck {
		q.out.flushAll()
	}
	if !q.h.caps.SendOnly {
		n, err := q.recv(q.h.cfg.Batch)
		if err != nil {
			return false, err
		}
		more = n >= q.h.cfg.Batch
	}
	if q.index == 0 {
		more = q.chores() || more
	}
	return more, nil
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
	h.starved.Store(false)
	if _, err := q.out.next(); errors.Is(err, transport.ErrNoSlots) {
		h.starved.Store(true)
		return
	}
	for _, b := range *h.bindings.Load() {
		b.roomAgain(q)
	}
	h.roomFound()
}

// starve has the loop look for room to send, on behalf of somebody who waits
// for it.
func (h *Host) starve() {
	h.starved.Store(true)
	h.queues[0].tq.Wake()
}
