// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"protean/transport"
)

// route returns the way to an on-link destination: a is a raw address of 4 or
// 16 bytes.
//
// A packet to an own unicast address stays in the node. Otherwise it leaves
// through the given interface or, if none is given, through the only one the
// node has, else through the one whose prefix contains the destination, the
// longest if there are several.
func (nd *Node) route(a []byte, ifindex int32) (*direction, error) {
	lo := nd.ports[0].out
	if nd.own(a) {
		return lo, nil
	}
	switch {
	case ifindex == loIndex, unspecified(a):
		return nil, syscall.ENETUNREACH
	case ifindex < 0 || int(ifindex) > len(nd.ports):
		return nil, syscall.ENODEV
	case ifindex == 0 && len(nd.ports) == 2:
		ifindex = 2
	case ifindex == 0:
		if ifindex = nd.longest(a); ifindex == 0 {
			return nil, syscall.ENETUNREACH
		}
	}
	out := nd.ports[ifindex-1].out
	if out == nil {
		return nil, syscall.ENETDOWN
	}
	return out, nil
}

// loopback6 returns ::1.
func loopback6() [16]byte { return [16]byte{15: 1} }

func unspecified(a []byte) bool {
	for _, b := range a {
		if b != 0 {
			return false
		}
	}
	return true
}

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

// longest returns the index of the interface with the longest prefix that
// contains a; 0 if there is none.
func (nd *Node) longest(a []byte) int32 {
	ip, _ := netip.AddrFromSlice(a)
	if ip.IsMulticast() {
		return 0
	}
	best, index := -1, int32(0)
	for _, p := range nd.ports[1:] {
		for _, q := range p.prefixes {
			// Every interface has a link-local prefix: it tells nothing.
			if q.Bits() > best && q.Contains(ip) && !ip.IsLinkLocalUnicast() {
				best, index = q.Bits(), p.index
			}
		}
	}
	return index
}

// Route implements [transport.Router]. Every destination is on the link: the
// next hop is dst. A zone in dst, the name of an interface, counts if ifindex
// is 0. Errors: *net.OpError around syscall.ENETUNREACH, ENODEV (there is no
// such interface) or ENETDOWN (the interface has no link); net.ErrClosed.
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
		for _, p := range t.node.ports {
			if p.name == zone {
				ifindex = int(p.index)
			}
		}
		if ifindex == 0 {
			return transport.Route{}, opError(opRoute, syscall.ENODEV)
		}
	}
	out, err := t.node.route(dst.AsSlice(), int32(ifindex))
	if err != nil {
		return transport.Route{}, opError(opRoute, err)
	}
	r := transport.Route{NextHop: dst, IfIndex: int(out.from.index), MTU: out.mtu, Src: dst}
	if !out.from.loopback() {
		r.Src = out.from.source(dst)
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
