// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"net"
	"net/netip"
	"slices"
)

// An Interface is a place where packets come from and go to.
type Interface struct {
	Index        int // positive, unique in the transport
	Name         string
	MTU          int // bytes of IP packet
	HardwareAddr net.HardwareAddr
	Prefixes     []netip.Prefix // own addresses with their prefix lengths

	Up           bool
	Broadcast    bool
	Multicast    bool
	Loopback     bool
	PointToPoint bool
	Removed      bool // in an event: it is gone and will not come back
}

// Clone returns a copy that has no memory in common with i.
func (i *Interface) Clone() Interface {
	c := *i
	c.HardwareAddr, c.Prefixes = slices.Clone(i.HardwareAddr), slices.Clone(i.Prefixes)
	return c
}

// Addr returns the first own address of the family, or the zero Addr. A
// link-local IPv6 address is returned only if there is no other.
func (i *Interface) Addr(v6 bool) netip.Addr {
	var second netip.Addr
	for _, p := range i.Prefixes {
		a := p.Addr()
		if a.Is6() != v6 {
			continue
		}
		if !v6 || !a.IsLinkLocalUnicast() {
			return a
		}
		if !second.IsValid() {
			second = a
		}
	}
	return second
}

// LinkLocal returns the first IPv6 link-local address, without a zone, or the zero Addr.
func (i *Interface) LinkLocal() netip.Addr {
	for _, p := range i.Prefixes {
		if a := p.Addr().WithZone(""); a.Is6() && a.IsLinkLocalUnicast() {
			return a
		}
	}
	return netip.Addr{}
}
