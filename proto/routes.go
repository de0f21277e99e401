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
// is direct-mapped: its size is fixed, and a collision costs a question.
type routeCache struct {
	router  transport.Router // nil: the transport knows no routes
	name    string
	entries [256]atomic.Pointer[routeEntry]
	mu      sync.Mutex // one question at a time
}

type routeEntry struct {
	dst     netip.Addr
	ifindex int
	route   transport.Route
	until   int64 // host time
}

// routeTTL bounds for how long an answer is used without asking again; a link
// change ends it earlier.
const routeTTL = int64(time.Second)

func (c *routeCache) init(t transport.Transport) {
	c.router, _ = transport.As[transport.Router](t)
	c.name = t.Caps().Name
}

func (c *routeCache) get(dst netip.Addr, ifindex int, now int64) (transport.Route, error) {
	if c.router == nil {
		return transport.Route{}, &transport.UnsupportedError{Transport: c.name, Feature: "looking up routes"}
	}
	slot := &c.entries[index(dst)]
	if e := slot.Load(); e != nil && e.dst == dst && e.ifindex == ifindex && now < e.until {
		return e.route, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.router.Route(dst, ifindex)
	if err != nil {
		return r, err
	}
	slot.Store(&routeEntry{dst, ifindex, r, now + routeTTL})
	return r, nil
}

func (c *routeCache) flush() {
	for i := range c.entries {
		c.entries[i].Store(nil)
	}
}

// index spreads destinations over the entries (Fibonacci hashing).
func index(dst netip.Addr) uint64 {
	a := dst.As16()
	x := binary.LittleEndian.Uint64(a[:8]) ^ binary.LittleEndian.Uint64(a[8:])
	return x * 0x9e3779b97f4a7c15 >> 56
}
