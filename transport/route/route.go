// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"net/netip"
	"os"
	"syscall"

	"protean/transport"
)

// A Finder knows the way to a destination. ifindex restricts the answer to an
// interface; 0 leaves it to the routes. A zone in dst does not count. The error
// is an *[Error] when there is no way. A host on the link of an interface needs a route
// through it, too, that of the interface's address or one added for it; groups and
// 255.255.255.255 need none if the interface is given. Lookup is safe for concurrent use.
type Finder interface {
	Lookup(dst netip.Addr, ifindex int) (Route, error)
}

// A Route is the way to a destination.
type Route struct {
	transport.Route
	Type Type
}

// A Type says what a destination is to this host, or why it cannot be reached:
// the types of rtnetlink(7), rtm_type.
type Type uint8

// The types.
const (
	Unicast     Type = 1 + iota // through a gateway or on the link: RTN_UNICAST
	Local                       // this host itself: RTN_LOCAL
	Broadcast                   // all hosts on the link: RTN_BROADCAST
	Multicast                   // a group: RTN_MULTICAST
	Blackhole                   // dropped in silence: RTN_BLACKHOLE
	Unreachable                 // refused, "host unreachable": RTN_UNREACHABLE
	Prohibit                    // refused, "administratively prohibited": RTN_PROHIBIT
	NoRoute                     // no route matches
)

// String returns the type in words.
func (t Type) String() string {
	names := [...]string{
		"unknown", "unicast", "local", "broadcast", "multicast",
		"blackhole", "unreachable", "prohibited", "no route",
	}
	if int(t) < len(names) {
		return names[t]
	}
	return names[0]
}

// An Error says that there is no way to a destination. It wraps an
// [*os.SyscallError] with the errno for its type: ENETUNREACH for NoRoute and
// Blackhole, EHOSTUNREACH for Unreachable, EACCES for Prohibit.
type Error struct {
	Dst  netip.Addr
	Type Type // Blackhole, Unreachable, Prohibit or NoRoute
}

func (e *Error) Error() string {
	if e.Type == NoRoute {
		return "no route to " + e.Dst.String()
	}
	return "the route to " + e.Dst.String() + " is " + e.Type.String()
}

// Unwrap returns the errno as a system call's error.
func (e *Error) Unwrap() error {
	errno := syscall.ENETUNREACH
	switch e.Type {
	case Unreachable:
		errno = syscall.EHOSTUNREACH
	case Prohibit:
		errno = syscall.EACCES
	}
	return os.NewSyscallError("rtnetlink", errno)
}

// maxPacket is the longest packet of a family: an IPv6 payload length does not
// count the header.
func maxPacket(dst netip.Addr) int {
	if dst.Is6() {
		return 40 + 65535
	}
	return 65535
}
