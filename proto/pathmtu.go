// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"protean/transport"
)

// pathMTUs are the path MTUs, by destination, that a host has learnt.
type pathMTUs struct {
	lowest atomic.Int64 // of them all; MaxInt64 if there are none
	next   atomic.Int64 // when the first of them is forgotten, host time
	untold atomic.Bool  // there is news

	mu   sync.RWMutex
	all  map[netip.Addr]learntMTU
	news []netip.Addr // whose MTU has changed since the handlers were told
}

type learntMTU struct {
	mtu   int
	until int64
}

// A path MTU is forgotten after ten minutes, since the path may have changed
// (RFC 1191 section 6.3, RFC 8201 section 4). Of more than maxPaths the one to
// be forgotten first is.
const (
	pathLife = int64(10 * time.Minute)
	maxPaths = 4096
)

func (m *pathMTUs) init() {
	m.lowest.Store(math.MaxInt64)
	m.next.Store(never)
	m.all = map[netip.Addr]learntMTU{}
}

// get returns what was learnt about the path to dst, which has no zone, or 0.
func (m *pathMTUs) get(dst netip.Addr) int {
	if m.lowest.Load() == math.MaxInt64 {
		return 0
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.all[dst].mtu
}

// lower notes that the path to dst carries no more than mtu, from now on for
// ten minutes. A larger one than is known changes nothing.
func (m *pathMTUs) lower(dst netip.Addr, mtu int, now int64) (changed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, known := m.all[dst]
	if known && old.mtu < mtu {
		return false
	}
	if !known && len(m.all) >= maxPaths {
		m.dropOldest()
	}
	m.all[dst] = learntMTU{mtu, now + pathLife}
	m.summarise()
	if known && mtu == old.mtu {
		return false
	}
	m.note(dst)
	return true
}

// expire forgets the MTUs whose time is over.
func (m *pathMTUs) expire(now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dst, l := range m.all {
		if l.until <= now {
			delete(m.all, dst)
			m.note(dst)
		}
	}
	m.summarise()
}

func (m *pathMTUs) note(dst netip.Addr) {
	m.news = append(m.news, dst)
	m.untold.Store(true)
}

func (m *pathMTUs) dropOldest() {
	var oldest netip.Addr
	until := int64(never)
	for dst, l := range m.all {
		if l.until < until {
			oldest, until = dst, l.until
		}
	}
	delete(m.all, oldest)
}

func (m *pathMTUs) summarise() {
	lowest, next := int64(math.MaxInt64), int64(never)
	for _, l := range m.all {
		lowest, next = min(lowest, int64(l.mtu)), min(next, l.until)
	}
	m.lowest.Store(lowest)
	m.next.Store(next)
}

// learnPath lowers the MTU of the path to dst and has the handlers told, on
// the loop. Paths that end on the first link have its MTU.
func (h *Host) learnPath(dst netip.Addr, mtu int, now int64) {
	if dst = dst.WithZone(""); needsInterface(dst) {
		return
	}
	if h.paths.lower(dst, mtu, now) {
		h.wakeLoop()
	}
}

// tellPaths forgets path MTUs whose time is over, and tells the handlers of
// what has changed.
func (q *queue) tellPaths() {
	m := &q.h.paths
	if next := m.next.Load(); next != never {
		if now := q.h.nowNs(); next <= now {
			m.expire(now)
		}
	}
	if !m.untold.Load() {
		return
	}
	m.mu.Lock()
	news := m.news
	m.news = nil
	m.untold.Store(false)
	m.mu.Unlock()
	for _, dst := range news {
		mtu := q.h.pathMTU(dst, 0, q.h.nowNs())
		for _, b := range *q.h.bindings.Load() {
			if b.pathHandler != nil {
				q.with(b, "HandlePathMTU", func(env *Env) error { return b.pathHandler.HandlePathMTU(env, dst, mtu) })
			}
		}
	}
}

// withPathMTU is a route with the MTU of the path, where that is known and
// lower.
func (h *Host) withPathMTU(r transport.Route, dst netip.Addr) transport.Route {
	if mtu := h.paths.get(dst.WithZone("")); mtu != 0 && (r.MTU == 0 || mtu < r.MTU) {
		r.MTU = mtu
	}
	return r
}
