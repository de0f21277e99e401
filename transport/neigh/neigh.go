// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"protean/transport/route"
)

// A Resolver knows the link-layer addresses of next hops. Lookup is safe for
// concurrent use and never waits for the network. Errors: [ErrPending], an
// *[Error] for a hop that cannot be reached.
type Resolver interface {
	Lookup(hop netip.Addr, ifindex int) (LinkAddr, error)
}

// ErrPending means that a hop is being resolved.
var ErrPending = errors.New("neigh: being resolved")

// ErrFull means that so many hops are being resolved that no other can be.
var ErrFull = errors.New("neigh: too many neighbours are being resolved")

// An Error says that a neighbour cannot be reached. errors.Is(err,
// syscall.EHOSTUNREACH) holds; it wraps an [*os.SyscallError].
type Error struct {
	Hop     netip.Addr
	IfIndex int
	Err     error // what the kernel said, such as ENETDOWN; nil if nobody has answered
}

func (e *Error) Error() string {
	s := fmt.Sprintf("neighbour %v on interface %d ", e.Hop, e.IfIndex)
	if e.Err != nil {
		return s + "cannot be resolved: " + e.Err.Error()
	}
	return s + "does not answer"
}

// Is reports whether target is syscall.EHOSTUNREACH.
func (e *Error) Is(target error) bool { return target == syscall.EHOSTUNREACH }

// Unwrap returns what the kernel said, or EHOSTUNREACH as a system call's error.
func (e *Error) Unwrap() error {
	if e.Err != nil {
		return e.Err
	}
	return os.NewSyscallError("rtnetlink", syscall.EHOSTUNREACH)
}

// Resolve looks up the link-layer address for a route: the broadcast address
// if that is its type, and that of its next hop otherwise.
func Resolve(n Resolver, r *route.Route) (LinkAddr, error) {
	hop := r.NextHop
	if r.Type == route.Broadcast {
		hop = broadcast
	}
	return n.Lookup(hop, r.IfIndex)
}

// broadcast is the IPv4 broadcast address of any link (RFC 919).
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// A link is what is to be known of an interface.
type link struct {
	ethernet  bool // groups have addresses of their own
	addrs     bool // its frames have addresses
	arp       bool // neighbours are to be resolved
	own       LinkAddr
	broadcast LinkAddr
	p2p       bool
}

// computed returns the address of a hop that does not need to be resolved, as
// the kernel does (arp_constructor in net/ipv4/arp.c, ndisc_constructor in
// net/ipv6/ndisc.c).
func (l *link) computed(hop netip.Addr) (a LinkAddr, ok bool) {
	m, group := MulticastMAC(hop)
	switch {
	case !l.addrs:
		return LinkAddr{}, true
	case group && l.ethernet:
		return LinkAddrFromMAC(m), true
	case hop == broadcast, group && l.arp:
		return l.broadcast, true
	case !l.arp:
		return l.own, true
	case l.p2p:
		return l.broadcast, true
	}
	return LinkAddr{}, false
}
