// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Regions let many destinations share an answer, for who sends to each of a
// million once. A region is the set of destinations with the same longest
// prefix among those of all routes in all tables, of all rules, of what the
// kernel has learnt about single destinations, and of [always]. Prefixes nest,
// so that two destinations of a region match the same routes and rules; what the
// kernel answers for the one holds for the other, but for what is said in [share]
// and in [asker].ask. Nothing of what routes mean is interpreted here.
//
// They belong to one generation, and are as short-lived as a single answer.
type regions struct {
	gen   uint64
	until int64 // since start
	split bool  // there is something that makes answers differ within a region
	lpm   lpm[*region]
	apart map[[8]byte]bool // the upper halves of IPv6 destinations that share nothing
}

// A region has answers, by what else they depend on. The map is replaced, never
// written.
type region struct {
	answers atomic.Pointer[map[regionKey]regionAnswer]
	mu      sync.Mutex // of who replaces it
}

// A regionKey is an interface asked for, and for IPv6 the upper half of the
// destination: the kernel prefers the source that has the longest common prefix
// with it (RFC 6724, section 5, rule 8), counted up to the source's prefix length,
// at most 64 if it is not in apart.
type regionKey struct {
	ifindex int
	upper   [8]byte
}

// A regionAnswer is a Route without a NextHop if the destination is on the link.
type regionAnswer struct {
	route Route
	kind  Type // of the *Error, or 0
}

// maxPrefixes bounds a regions; a kernel with more routes is asked for each
// destination. maxAnswers bounds a region.
const (
	maxPrefixes = 4096
	maxAnswers  = 256
)

// current reports whether the regions count.
func (g *regions) current(gen uint64, now int64) bool {
	return g != nil && g.gen == gen && now < g.until
}

// find returns the region of a destination, nil if it shares nothing.
func (g *regions) find(dst netip.Addr) *region {
	if g.split {
		return nil
	}
	if dst.Is6() && g.apart[upper(dst)] {
		return nil
	}
	r, _ := g.lpm.find(dst)
	return r
}

func upper(dst netip.Addr) (u [8]byte) {
	if dst.Is6() {
		b := dst.As16()
		copy(u[:], b[:8])
	}
	return u
}

// add begins a region.
func (g *regions) add(p netip.Prefix) {
	if p.IsValid() {
		g.lpm.set(p.Masked(), new(region))
	}
}

// lookup returns the answer for a destination, if the region has one.
func (r *region) lookup(dst netip.Addr, ifindex int) (Route, error, bool) {
	m := r.answers.Load()
	if m == nil {
		return Route{}, nil, false
	}
	a, ok := (*m)[regionKey{ifindex, upper(dst)}]
	switch {
	case !ok:
		return Route{}, nil, false
	case a.kind != 0:
		return Route{}, &Error{dst, a.kind}, true
	case !a.route.NextHop.IsValid():
		a.route.NextHop = dst
	}
	return a.route, nil, true
}

// share makes the answer for a destination that of its region, if it is that of
// any other: not what is to this host or a group, whose source may depend on it.
func (r *region) share(dst netip.Addr, ifindex int, answer Route, err error) {
	a := regionAnswer{route: answer}
	if e, ok := err.(*Error); ok {
		a.kind = e.Type
	} else if err != nil || answer.Type != Unicast {
		return
	}
	if a.route.NextHop == dst {
		a.route.NextHop = netip.Addr{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := make(map[regionKey]regionAnswer)
	if old := r.answers.Load(); old != nil && len(*old) < maxAnswers {
		maps.Copy(next, *old)
	}
	next[regionKey{ifindex, upper(dst)}] = a
	r.answers.Store(&next)
}
