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
// is direct-mapped: its size is fixed, a collision costs a question, and
// nothing is allocated.
type routeCache struct {
	router  transport.Router // nil: the transport knows no routes
	name    string
	gen     atomic.Uint64 // of the answers that count; a link change begins another
	entries [1024]routeEntry
}

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
}

func (c *routeCache) get(dst netip.Addr, ifindex int, now int64) (transport.Route, error) {
	if c.router == nil {
		return transport.Route{}, &transport.UnsupportedError{Transport: c.name, Feature: "looking up routes"}
	}
	e := &c.entries[index(dst)]
	e.mu.Lock()
	defer e.mu.Unlock()
	gen := c.gen.Load()
	if e.gen == gen && now < e.until && e.dst == dst && e.ifindex == ifindex {
		return e.route, nil
	}
	r, err := c.router.Route(dst, ifindex)
	if err != nil {
		return r, err
	}
	e.dst, e.ifindex, e.route, e.until, e.gen = dst, ifindex, r, now+routeTTL, gen
	return r, nil
}

// flush has all questions asked again, also those under way.
func (c *routeCache) flush() { c.gen.Add(1) }

// index spreads destinations over the entries (Fibonacci hashing).
func index(dst netip.Addr) uint64 {
	a := dst.As16()
	x := binary.LittleEndian.Uint64(a[:8]) ^ binary.LittleEndian.Uint64(a[8:])
	return x * 0x9e3779b97f4a7c15 >> 54
}
