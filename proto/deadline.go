// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"sync"
	"time"

	"protean/transport"
)

// A deadline is a time after which a channel is closed. Unlike a context it
// can be set again, also after it has passed.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	gen   int             // of the timer that counts
	wake  transport.Timer // in place of timer, if not nil
	at    time.Time       // the deadline; zero: none
	c     chan struct{}   // closed when the deadline has passed
}

func (d *deadline) init() { d.c = make(chan struct{}) }

// initOn is init for a Conn of h.
func (d *deadline) initOn(h *Host) {
	d.init()
	d.wake = h.newTimer(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.at.IsZero() && !h.clock().Before(d.at) { // not set again meanwhile
			d.end()
		}
	})
}

// set makes t the deadline; the zero time is none. now is the clock t is on.
func (d *deadline) set(t time.Time, now func() time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.gen++
	if d.wake != nil && !d.at.IsZero() {
		d.wake.Stop()
	}
	if d.at = t; d.isClosed() {
		d.c = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	left := t.Sub(now())
	if left <= 0 {
		d.end()
		return
	}
	if d.wake != nil {
		d.wake.Reset(t)
		return
	}
	gen := d.gen
	d.timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.gen == gen { // not set again meanwhile
			d.end()
		}
	})
}

// end has the deadline pass. The caller holds mu.
func (d *deadline) end() {
	if !d.isClosed() {
		close(d.c)
	}
}

func (d *deadline) isClosed() bool {
	select {
	case <-d.c:
		return true
	default:
		return false
	}
}

func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.isClosed()
}

// with has d pass if other has, and is no earlier: the timers of two deadlines run one
// after the other, also if they are the same time.
func (d *deadline) with(other *deadline) {
	other.mu.Lock()
	at, passed := other.at, other.isClosed()
	other.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if passed && !d.at.IsZero() && !d.at.After(at) {
		d.end()
	}
}

// wait returns the channel that is closed when the deadline passes. It stays
// the same when a deadline that has not passed is set again.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.c
}
