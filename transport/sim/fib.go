// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import "slices"

// A fib is the routes of one family, for longest prefix match.
type fib struct {
	entries []entry // the longest prefixes first, those of equal length as they were added

	// With many entries: the prefix lengths there are, longest first, and where
	// in entries each prefix is.
	lengths []int
	index   map[prefixKey]int
}

// An entry is one route.
type entry struct {
	dst, mask key
	bits      int
	port      *Port
	via       key // if gateway is set
	gateway   bool
	kind      RouteKind
	mtu       int // 0: that of the interface
	route     *Route
}

type prefixKey struct {
	dst  key
	bits int
}

// manyRoutes is the number from which on hashing beats looking at one after
// the other.
const manyRoutes = 16

func (f *fib) build(entries []entry) {
	slices.SortStableFunc(entries, func(a, b entry) int { return b.bits - a.bits })
	*f = fib{entries: entries}
	if len(entries) < manyRoutes {
		return
	}
	f.index = make(map[prefixKey]int, len(entries))
	for i, e := range entries {
		if k := (prefixKey{e.dst, e.bits}); i == 0 || f.lengths[len(f.lengths)-1] != e.bits {
			f.lengths = append(f.lengths, e.bits)
			f.index[k] = i
		} else if _, ok := f.index[k]; !ok {
			f.index[k] = i
		}
	}
}

// find returns the route with the longest prefix that contains k, nil if there
// is none.
func (f *fib) find(k key) *entry {
	if f.index == nil {
		for i := range f.entries {
			if e := &f.entries[i]; (k.hi^e.dst.hi)&e.mask.hi|(k.lo^e.dst.lo)&e.mask.lo == 0 {
				return e
			}
		}
		return nil
	}
	for _, bits := range f.lengths {
		if i, ok := f.index[prefixKey{k.and(maskOf(bits)), bits}]; ok {
			return &f.entries[i]
		}
	}
	return nil
}

// through is find among the routes that use the given interface.
func (f *fib) through(k key, p *Port) *entry {
	for i := range f.entries {
		if e := &f.entries[i]; e.port == p && k.and(e.mask) == e.dst {
			return e
		}
	}
	return nil
}

// table returns the node's routes of one family: the prefixes of its
// interfaces, and what AddRoute added. Among equal prefixes an added route
// comes first.
func (nd *Node) table(v6 bool) *fib {
	f := &nd.fibs[0]
	if v6 {
		f = &nd.fibs[1]
	}
	if nd.stale {
		nd.rebuild()
	}
	return f
}

func (nd *Node) rebuild() {
	nd.stale = false
	var all [2][]entry
	for _, r := range nd.routes {
		e := entry{
			dst: addrKey(r.Dst.Addr()), mask: maskOf(r.Dst.Bits()), bits: r.Dst.Bits(),
			port: r.Port, kind: r.Kind, mtu: r.MTU, route: r,
		}
		if r.Via.IsValid() {
			e.via, e.gateway = addrKey(r.Via), true
		}
		i := family(r.Dst.Addr().Is6())
		all[i] = append(all[i], e)
	}
	for _, p := range nd.ports[1:] {
		for _, q := range p.prefixes {
			// Every interface has a link-local prefix: it tells nothing.
			if a := q.Addr(); !a.IsLinkLocalUnicast() || a.Is4() {
				i, m := family(a.Is6()), maskOf(q.Bits())
				all[i] = append(all[i], entry{dst: addrKey(a).and(m), mask: m, bits: q.Bits(), port: p})
			}
		}
	}
	for i := range all {
		nd.fibs[i].build(all[i])
	}
}

// family is the index of a family where things are kept by family.
func family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}
