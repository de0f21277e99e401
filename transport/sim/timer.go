// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"slices"
	"time"

	"protean/transport"
)

// A Timer is a [transport.Timer] of a network in a bubble. It belongs to a
// handle, which says where it stands among those that were armed at the same
// instant, but outlives it: what a goroutine waits for must come.
type Timer struct {
	t     *Transport
	rank  int // among those of t: how many were made before
	f     func()
	src   source
	at    int64 // when armed
	armed bool
	noted bool        // in t.rearmed
	after *time.Timer // when the network is closed
}

// NewTimer implements [transport.Scheduler]: nil if the network is not in a
// bubble.
func (t *Transport) NewTimer(f func()) transport.Timer {
	if !t.net.inBubble() {
		return nil
	}
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	m := &Timer{t: t, f: f, rank: t.timers}
	t.timers++
	m.src = source{kind: sourceFunc, timer: m}
	return m
}

// Reset implements [transport.Timer].
func (m *Timer) Reset(at time.Time) {
	n := m.t.net
	n.mu.Lock()
	defer n.mu.Unlock()
	m.at = 0
	if !at.IsZero() {
		m.at = at.UnixNano()
	}
	m.armed = true
	if n.over {
		m.orphan()
		return
	}
	if !m.noted {
		m.noted = true
		m.t.rearmed = append(m.t.rearmed, m)
	}
	m.t.touch()
}

// Stop implements [transport.Timer].
func (m *Timer) Stop() {
	n := m.t.net
	n.mu.Lock()
	defer n.mu.Unlock()
	m.armed = false
	n.heap.remove(&m.src)
	if m.after != nil {
		m.after.Stop()
	}
}

func (m *Timer) settle(now int64) {
	m.noted = false
	if m.armed {
		m.t.net.schedule(&m.src, max(m.at, now))
	}
}

// orphan leaves the timer to the system: the loop has ended.
func (m *Timer) orphan() {
	d := max(0, time.Duration(m.at-m.t.net.clock()))
	if m.after == nil {
		m.after = time.AfterFunc(d, m.f)
	} else {
		m.after.Reset(d)
	}
}

// orphanTimers does so with all that are armed.
func (n *Network) orphanTimers() {
	n.over = true
	timers := slices.Clone(n.heap.ev)
	for i := range timers {
		if s := timers[i].src; s != nil && s.kind == sourceFunc {
			n.heap.remove(s)
			s.timer.orphan()
		}
	}
}
