// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"net"
	"net/netip"
	"sync/atomic"

	"protean/transport"
)

// A Table is a list of routes of one's own. The most specific one that contains
// a destination is its way. The zero Table has none. It is safe for concurrent
// use.
type Table struct {
	routes atomic.Pointer[lpm[[]Entry]]
}

// An Entry is a route of a [Table].
type Entry struct {
	Dst     netip.Prefix
	Type    Type       // 0 means Unicast
	Src     netip.Addr // source address
	Gateway netip.Addr // the zero Addr if the destinations are on the link
	IfIndex int
	MTU     int // bytes of IP packet; 0 means 1500
}

// Set replaces all routes. Of those with the same prefix, the first that leads
// through the interface asked for counts. The error is a *[net.AddrError] about
// an Entry without a valid Dst; nothing has changed then.
func (t *Table) Set(entries ...Entry) error {
	l := new(lpm[[]Entry])
	for _, e := range entries {
		if !e.Dst.IsValid() || e.Dst.Addr().Is4In6() {
			return &net.AddrError{Err: "it is not the prefix of a route", Addr: e.Dst.String()}
		}
		if e.Type == 0 {
			e.Type = Unicast
		}
		if e.MTU <= 0 {
			e.MTU = 1500
		}
		e.Dst = e.Dst.Masked()
		l.set(e.Dst, append(l.m[e.Dst], e))
	}
	t.routes.Store(l)
	return nil
}

// Lookup implements [Finder]. The next hop is the gateway, or the destination
// itself. A route that refuses counts for every interface.
func (t *Table) Lookup(dst netip.Addr, ifindex int) (Route, error) {
	dst = dst.Unmap().WithZone("")
	l := t.routes.Load()
	if l == nil {
		return Route{}, &Error{dst, NoRoute}
	}
	for _, bits := range l.lengths[family(dst)] {
		p, err := dst.Prefix(bits)
		if err != nil {
			break // the zero address
		}
		for i := range l.m[p] {
			e := &l.m[p][i]
			switch {
			case e.Type >= Blackhole:
				return Route{}, &Error{dst, e.Type}
			case ifindex == 0 || ifindex == e.IfIndex:
				return e.route(dst), nil
			}
		}
	}
	return Route{}, &Error{dst, NoRoute}
}

func (e *Entry) route(dst netip.Addr) Route {
	r := Route{Type: e.Type, Route: transport.Route{Src: e.Src, NextHop: e.Gateway, IfIndex: e.IfIndex, MTU: e.MTU}}
	if !r.NextHop.IsValid() {
		r.NextHop = dst
	}
	if dst.IsMulticast() && r.Type == Unicast {
		r.Type = Multicast
	}
	if r.Type == Multicast || r.Type == Broadcast {
		r.NextHop = dst
	}
	return r
}
