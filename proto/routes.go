// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"protean/transport"
)

// routeCache keeps the transport's answers to route questions for a while,
// since a question may be a system call and an answer is wanted per packet. It
// is direct-mapped: a collision costs a question. When there are many, it grows,
// up to a bound, so that a network of thousands of hosts in one process has room
// for them all.
type routeCache struct {
	router  transport.Router // nil: the transport knows no routes
	name    string
	gen     atomic.Uint64 // of the answers that count; a link change begins another
	table   atomic.Pointer[routeTable]
	evicted atomic.Uint32 // answers that counted and made room for another, since it has grown
}

type routeTable struct {
	bits    int // of the number of entries
	entries []routeEntry
}

// The number of entries at first and at most, in bits.
const (
	routeBits    = 4
	maxRouteBits = 10
)

type routeEntry struct {
	mu      sync.Mutex
	dst     netip.Addr
	ifindex int
	route   transport.Route
	until   int64 // host time
	gen     uint64
}

// routeTTL bounds for how long an answer is used without asking again.
const routeTTL = int64(time.Second)

func (c *routeCache) init(t transport.Transport) {
	c.router, _ = transport.As[transport.Router](t)
	c.name = t.Caps().Name
	c.table.Store(&routeTable{routeBits, make([]routeEntry, 1<<routeBits)})
}

func (c *routeCache) get(dst netip.Addr, ifindex int, now int64) (transport.Route, error) {
	if c.router == nil {
		return transport.Route{}, &transport.UnsupportedError{Transport: c.name, Feature: "looking up routes"}
	}
	t := c.table.Load()
	e := &t.entries[spread(dst)>>(64-t.bits)]
	e.mu.Lock()
	defer e.mu.Unlock()
	gen := c.gen.Load()
	live := e.gen == gen && now < e.until
	if live && e.dst == dst && e.ifindex == ifindex {
		return e.route, nil
	}
	r, err := c.router.Route(dst, ifindex)
	if err != nil {
		return r, err
	}
	e.dst, e.ifindex, e.route, e.until, e.gen = dst, ifindex, r, now+routeTTL, gen
	if live && t.bits < maxRouteBits && c.evicted.Add(1) >= 1<<t.bits {
		c.evicted.Store(0)
		bits := t.bits + 2
		c.table.CompareAndSwap(t, &routeTable{bits, make([]routeEntry, 1<<bits)})
	}
	return r, nil
}

// flush has all questions asked again, also those under way.
func (c *routeCache) flush() { c.gen.Add(1) }

// spread is a number whose first bits differ from destination to destination
// (Fibonacci hashing).
func spread(dst netip.Addr) uint64 {
	a := dst.As16()
	x := binary.LittleEndian.Uint64(a[:8]) ^ binary.LittleEndian.Uint64(a[8:])
	return x * 0x9e3779b97f4a7c15
}
