// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"net/netip"
	"time"
)

// A Multicaster can join multicast groups. An ifindex is required; sources, if
// any, make the membership source-specific (RFC 4607). Joining twice is no
// error; a membership ends with Leave or when the transport is closed.
type Multicaster interface {
	Join(ifindex int, group netip.Addr, sources ...netip.Addr) error
	Leave(ifindex int, group netip.Addr, sources ...netip.Addr) error
}

// A Claimer can take over addresses that the kernel does not own: packets to
// them are delivered, and ARP or neighbour solicitations for them answered.
type Claimer interface {
	Claim(ifindex int, addr netip.Addr, hw []byte) error
	Unclaim(ifindex int, addr netip.Addr) error
}

// A Router knows where packets to a destination go. ifindex 0 leaves the
// choice of the interface to the route. It returns a *net.OpError around
// syscall.ENETUNREACH or EHOSTUNREACH when there is no route.
type Router interface {
	Route(dst netip.Addr, ifindex int) (Route, error)
}

// A Route is the answer of a [Router].
type Route struct {
	Src     netip.Addr // preferred source address
	NextHop netip.Addr // the gateway, or the destination itself when it is on the link
	IfIndex int        // outgoing interface
	MTU     int        // bytes of IP packet that fit, path MTU included where known
}

// A ForeignReceiver can be told to deliver packets to addresses that are not
// its own, too.
type ForeignReceiver interface {
	ReceiveForeign(on bool) error
}

// A StatsReader counts what it does.
type StatsReader interface {
	Stats() Stats
}

// A Clock is implemented by a transport whose time is not the system's: an
// in-memory network in virtual time, a capture being replayed.
type Clock interface {
	Now() time.Time
}
