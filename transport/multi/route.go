// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi

import (
	"net"
	"net/netip"
	"syscall"

	"protean/transport"
)

// A table says which member packets go to. It is immutable; link changes make a
// new one.
type table struct {
	byIndex map[int]*member
	links   []connected // in the order of the members
}

// connected is a prefix on a member's link.
type connected struct {
	prefix netip.Prefix
	m      *member
}

// look makes the table anew.
func (t *Transport) look() {
	t.looking.Lock() // so that a later look is not replaced by an earlier one
	defer t.looking.Unlock()
	n := &table{byIndex: map[int]*member{}}
	for _, m := range t.members {
		for _, i := range m.interfaces() {
			if n.byIndex[i.Index] == nil {
				n.byIndex[i.Index] = m
			}
			for _, p := range i.Prefixes {
				if i.Up {
					n.links = append(n.links, connected{p.Masked(), m})
				}
			}
		}
	}
	t.table.Store(n)
}

// member returns who takes packets to dst through an interface; nil if nobody
// carries the family, or nobody has the interface.
func (t *Transport) member(dst netip.Addr, ifindex int) *member {
	tb := t.table.Load()
	if ifindex != 0 {
		m := tb.byIndex[ifindex]
		if m == nil || m.carries(dst) {
			return m
		}
		// Another member may carry the family through the same interface.
		for _, o := range t.members {
			if o.carries(dst) && o.has(ifindex) {
				return o
			}
		}
		return nil
	}
	var fallback *member
	longest := -1
	var best *member
	for _, l := range tb.links {
		if l.prefix.Bits() > longest && l.m.carries(dst) && l.prefix.Contains(dst) {
			best, longest = l.m, l.prefix.Bits()
		}
	}
	if best != nil {
		return best
	}
	for _, m := range t.members {
		if !m.carries(dst) {
			continue
		}
		if fallback == nil {
			fallback = m
		}
		if r, ok := transport.As[transport.Router](m.inner); ok {
			if _, err := r.Route(dst.WithZone(""), 0); err == nil {
				return m
			}
		}
	}
	return fallback
}

func (m *member) carries(dst netip.Addr) bool {
	if dst.Is4() {
		return m.caps.V4
	}
	return m.caps.V6
}

// router is the ability to tell routes, of members that have it.
type router struct{ t *Transport }

// Route implements [transport.Router].
func (r router) Route(dst netip.Addr, ifindex int) (transport.Route, error) {
	m := r.t.member(dst, ifindex)
	if m == nil {
		return transport.Route{}, &net.OpError{Op: "route", Net: name, Addr: &net.IPAddr{IP: dst.AsSlice()}, Err: syscall.ENETUNREACH}
	}
	inner, ok := transport.As[transport.Router](m.inner)
	if !ok {
		return m.connectedRoute(dst, ifindex)
	}
	route, err := inner.Route(dst, m.own(ifindex))
	if err == nil && route.IfIndex != 0 {
		route.IfIndex += int(m.shift)
	}
	return route, err
}

// connectedRoute is the route of a member that knows of none: every destination
// is on its link.
func (m *member) connectedRoute(dst netip.Addr, ifindex int) (transport.Route, error) {
	for _, i := range m.interfaces() {
		if i.Up && (i.Index == ifindex || ifindex == 0 && i.Loopback == dst.IsLoopback()) {
			src := i.Addr(dst.Is6()).WithZone("")
			return transport.Route{Src: src, NextHop: dst, IfIndex: i.Index, MTU: i.MTU}, nil
		}
	}
	return transport.Route{}, &net.OpError{Op: "route", Net: name, Addr: &net.IPAddr{IP: dst.AsSlice()}, Err: syscall.ENETUNREACH}
}
