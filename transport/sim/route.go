// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"syscall"

	"protean/transport"
)

// A label is what goes with a packet on a link, as the addresses in a link
// header would.
type label struct {
	hop    key   // the next hop
	flood  bool  // multicast or broadcast: to all on the link
	v6     bool  // the family of hop
	origin *Node // that the packet came from first
	last   *Node // that passed it on, or origin
}

// A way is where a packet goes.
type way struct {
	out   *direction
	mtu   int
	entry *entry // nil if the interface was given, and no route leads through it
	label label
}

// route returns the way to a destination: a is a raw address of 4 or 16 bytes.
//
// A packet to an own unicast address stays in the node. Otherwise it goes the
// way of the route with the longest prefix, among those through the given
// interface if there is one. If there is none, the destination is taken to be
// on the link of the given interface, or of the only one of a host that was
// given no routes.
func (nd *Node) route(a []byte, ifindex int32) (way, error) {
	w := way{label: label{v6: len(a) == 16, origin: nd, last: nd}}
	if nd.own(a) {
		w.out = nd.ports[0].out
		w.mtu = w.out.mtu
		return w, nil
	}
	k := keyOf(a)
	w.label.hop = k
	f := nd.table(w.label.v6)
	var p *Port
	switch {
	case ifindex == loIndex, k == key{}:
		return w, syscall.ENETUNREACH
	case ifindex < 0 || int(ifindex) > len(nd.ports), ifindex > 0 && nd.ports[ifindex-1].removed:
		return w, syscall.ENODEV
	case ifindex > 0:
		p = nd.ports[ifindex-1]
		w.entry = f.through(k, p)
	case nd.scoped(k, w.label.v6):
		if p = nd.sole; p == nil {
			return w, syscall.ENETUNREACH
		}
	default:
		if w.entry = f.find(k); w.entry == nil {
			if p = nd.onlyWay(k, w.label.v6); p == nil {
				return w, syscall.ENETUNREACH
			}
		}
	}
	if e := w.entry; e != nil {
		if err := e.kind.errno(); err != nil {
			return w, err
		}
		p = e.port
	}
	if err := w.through(p, k); err != nil {
		return w, err
	}
	return w, nil
}

// through completes a way that leads through p to k.
func (w *way) through(p *Port, k key) error {
	if w.out = p.out; w.out == nil {
		return syscall.ENETDOWN
	}
	w.mtu = w.out.mtu
	w.label.flood = p.floods(k, w.label.v6)
	if e := w.entry; e != nil {
		if e.mtu != 0 {
			w.mtu = min(w.mtu, e.mtu)
		}
		if e.gateway && !w.label.flood {
			w.label.hop = e.via
		}
	}
	return nil
}

// source returns the source address for packets that go this way to dst; the
// zero Addr if there is none.
func (w *way) source(dst netip.Addr) netip.Addr {
	p := w.out.from
	if p.loopback() {
		return dst
	}
	if w.entry != nil {
		if w.entry.route != nil && w.entry.route.Src.IsValid() {
			return w.entry.route.Src
		}
		if w.entry.gateway && !w.label.flood {
			return p.source(w.label.hop.addr(w.label.v6))
		}
	}
	return p.source(dst)
}

// errno returns what a program is told that sends a packet along such a route,
// as in ip-route(8).
func (k RouteKind) errno() error {
	switch k {
	case Blackhole:
		return syscall.EINVAL
	case Unreachable:
		return syscall.EHOSTUNREACH
	case Prohibit:
		return syscall.EACCES
	}
	return nil
}

// scoped reports whether an IPv6 address means nothing without an interface.
func (nd *Node) scoped(k key, v6 bool) bool { return v6 && (k.multicast(true) || k.linkLocal()) }

// onlyWay returns the node's interface for what has no route, if it has just
// one: to groups and to the limited broadcast address, and, as long as nobody
// gave the node routes, to every address.
func (nd *Node) onlyWay(k key, v6 bool) *Port {
	if k.multicast(v6) || !v6 && k == limitedBroadcast {
		return nd.sole
	}
	if len(nd.routes) > 0 || nd.forwards() {
		return nil
	}
	return nd.sole
}

var limitedBroadcast = key{hi: 0xffffffff << 32}

// floods reports whether a packet to k goes to all on the link of p.
func (p *Port) floods(k key, v6 bool) bool {
	if v6 {
		return k.multicast(true)
	}
	return k.hi>>60 == 0xe || k == limitedBroadcast || slices.Contains(p.broadcasts, uint32(k.hi>>32))
}

// loopback6 returns ::1.
func loopback6() [16]byte { return [16]byte{15: 1} }

// own reports whether a is a unicast address of the node.
func (nd *Node) own(a []byte) bool {
	if len(a) == 4 {
		v := binary.BigEndian.Uint32(a)
		return nd.addr4.has(v) || v>>24 == 127
	}
	if a[0] == 0xfe && a[1]&0xc0 == 0x80 {
		ip := netip.AddrFrom16([16]byte(a))
		for _, p := range nd.ports[1:] {
			if p.has(ip) {
				return true
			}
		}
		return false
	}
	return nd.addr6.has([16]byte(a)) || [16]byte(a) == loopback6()
}

// Route implements [transport.Router]. A zone in dst, the name of an interface,
// counts if ifindex is 0. Errors: *net.OpError around syscall.ENETUNREACH (there
// is no route), EINVAL, EHOSTUNREACH or EACCES (the route is of the kind
// [Blackhole], [Unreachable] or [Prohibit]), ENODEV (there is no such interface)
// or ENETDOWN (the interface has no link); net.ErrClosed. What is on no link's prefix
// may have a route all the same, see [Node.AddRoute].
func (t *Transport) Route(dst netip.Addr, ifindex int) (transport.Route, error) {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if err := t.usable(); err != nil {
		return transport.Route{}, err
	}
	if !dst.IsValid() || dst.IsUnspecified() {
		return transport.Route{}, opError(opRoute, syscall.ENETUNREACH)
	}
	zone := dst.Zone()
	dst = dst.Unmap().WithZone("")
	if ifindex < 0 || ifindex > len(t.node.ports) {
		return transport.Route{}, opError(opRoute, syscall.ENODEV)
	}
	if zone != "" && ifindex == 0 {
		p := t.node.port(zone)
		if p == nil {
			return transport.Route{}, opError(opRoute, syscall.ENODEV)
		}
		ifindex = p.Index()
	}
	w, err := t.node.route(dst.AsSlice(), int32(ifindex))
	if err != nil {
		return transport.Route{}, opError(opRoute, err)
	}
	r := transport.Route{NextHop: dst, IfIndex: w.out.from.Index(), MTU: w.mtu, Src: w.source(dst)}
	if !w.out.from.loopback() {
		r.NextHop = w.label.hop.addr(w.label.v6)
	}
	return r, nil
}

// source returns the port's address for packets to dst: one whose prefix
// contains it, else the first of the family, link-local last unless dst is
// link-local. It is the zero Addr if the port has none.
func (p *Port) source(dst netip.Addr) netip.Addr {
	var first netip.Addr
	for _, q := range p.prefixes {
		a := q.Addr()
		if a.Is4() != dst.Is4() {
			continue
		}
		if q.Contains(dst) {
			return a
		}
		local := dst.IsLinkLocalUnicast() || dst.IsLinkLocalMulticast()
		if !first.IsValid() || a.Is6() && first.IsLinkLocalUnicast() != local && a.IsLinkLocalUnicast() == local {
			first = a
		}
	}
	return first
}
