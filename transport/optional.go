// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"net/netip"
	"time"
)

// A Multicaster can join multicast groups. An ifindex is required; sources, if
// any, make the membership source-specific (RFC 4607). Joining twice is no
// error; a membership ends with Leave, when the interface is gone (an event tells), or
// when the transport is closed.
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
// syscall.ENETUNREACH or EHOSTUNREACH when there is no route. An interface that is given
// is no route by itself, but to groups and 255.255.255.255.
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

// A Scheduler is implemented by a transport in whose time things happen one
// after the other, in an order that is the same in every run: an in-memory
// network in a testing/synctest bubble. Who runs over it uses its timers, and
// lets goroutines be woken through them.
type Scheduler interface {
	// NewTimer returns a timer, not armed. f is called on a goroutine of the
	// transport and must not block. Nothing else begins until all that f has
	// set off has come to rest. nil means that the transport has no such time,
	// and that the system's timers are as good.
	NewTimer(f func()) Timer

	// Contended is called by who comes to send and finds another goroutine
	// doing so: the two have no order.
	Contended()
}

// A Timer is made by a [Scheduler]. Timers that are due at the same time expire
// in the order in which they were armed, and those armed at the same instant in
// the order in which they were made.
type Timer interface {
	// Reset arms the timer, in place of when it was to expire before. A time
	// that has passed, such as the zero Time, means: when all that is going on
	// has come to rest. It can be called from any goroutine.
	Reset(at time.Time)

	// Stop disarms the timer: its function does not begin any more.
	Stop()
}
