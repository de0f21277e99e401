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
	at    time.Time       // the deadline, zero if there is none or c is closed
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
			d.at = time.Time{}
			close(d.c)
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
	d.at = time.Time{}
	if d.isClosed() {
		d.c = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	left := t.Sub(now())
	if left <= 0 {
		close(d.c)
		return
	}
	d.at = t
	if d.wake != nil {
		d.wake.Reset(t)
		return
	}
	gen := d.gen
	d.timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.gen == gen { // not set again meanwhile
			d.at = time.Time{}
			close(d.c)
		}
	})
}

func (d *deadline) isClosed() bool {
	select {
	case <-d.c:
		return true
	default:
		return false
	}
}

// passed reports whether the deadline has passed, also if its timer has not run yet: that
// of another with the same time may have.
func (d *deadline) passed(now func() time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.isClosed() || !d.at.IsZero() && !now().Before(d.at)
}

// wait returns the channel that is closed when the deadline passes. It stays
// the same when a deadline that has not passed is set again.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.c
}
