// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"fmt"
	"net/netip"

	"protean/proto/wire"
)

// EventKind says which part of an [Event] counts.
type EventKind uint8

// The kinds of events.
const (
	LinkChanged   EventKind = iota + 1 // Interface is new, changed or removed
	PacketSent                         // Sent: a transmit stamp that a slot asked for
	ErrorReceived                      // Err: the network, or the kernel, could not deliver a packet
	PacketsLost                        // Lost: so many packets were dropped before the transport saw them
)

// An Event is something other than a packet that a queue has to tell. It is
// valid until [Sink].Event returns.
type Event struct {
	Kind      EventKind
	Interface *Interface    // LinkChanged
	Sent      *Sent         // PacketSent
	Err       *NetworkError // ErrorReceived
	Lost      uint64        // PacketsLost: since the last such event
}

// Sent is a transmit stamp, for a slot committed with Stamp.
type Sent struct {
	Protocol uint8
	Cookie   uint64 // of the slot
	Time     int64  // Unix time in nanoseconds
	Source   TimeSource
}

// ErrorOrigin says who reported a [NetworkError], as in SO_EE_ORIGIN of
// <linux/errqueue.h>.
type ErrorOrigin uint8

// The origins of a network error.
const (
	OriginLocal ErrorOrigin = 1 // SO_EE_ORIGIN_LOCAL: this host, before sending
	OriginICMP  ErrorOrigin = 2 // SO_EE_ORIGIN_ICMP
	OriginICMP6 ErrorOrigin = 3 // SO_EE_ORIGIN_ICMP6
)

// A NetworkError reports that a packet sent earlier was not delivered. It is
// an error itself; it unwraps to the errno the kernel gives for it.
type NetworkError struct {
	Origin   ErrorOrigin
	Type     uint8      // ICMP or ICMPv6 type
	Code     uint8      // ICMP or ICMPv6 code
	Offender netip.Addr // who reported it, if known
	MTU      int        // next-hop MTU in bytes, if that is the reason and it is told; else 0
	Pointer  uint32     // where in the packet a parameter problem is, in bytes from its IP header on; else 0
	Errno    error      // a syscall.Errno, or of OriginLocal what else the transport refused the packet with, such as an *UnsupportedError
	Time     int64      // Unix time in nanoseconds, 0 if unknown

	Protocol uint8      // of the packet it is about
	Src, Dst netip.Addr // of the packet it is about, as far as known
	ID       uint32     // its IPv4 identification, or that of its IPv6 fragment header; 0 if there is none, or if it is not known: then the network's errors have Size 0, too
	Size     int        // its length in bytes, from its IP header on; 0 if not known
	Cookie   uint64     // of its slot, if it could be matched; else 0
	Quoted   []byte     // what is quoted of its payload; valid until the event's delivery returns
}

// Error describes the error, one of the network in the words of the RFCs, and names the
// offender.
func (e *NetworkError) Error() string {
	s := "network error"
	if e.Errno != nil {
		s = e.Errno.Error()
	}
	if e.Origin == OriginICMP || e.Origin == OriginICMP6 {
		text, name := wire.ICMPv4ErrorText(e.Type, e.Code), "ICMP"
		if e.Origin == OriginICMP6 {
			text, name = wire.ICMPv6ErrorText(e.Type, e.Code), "ICMPv6"
		}
		if text != "" { // the kernel's errno is coarser: "no route to host" for a TTL that ran out
			s = text
		}
		s += fmt.Sprintf(" (%s type %d code %d)", name, e.Type, e.Code)
	}
	if e.Dst.IsValid() {
		s += " sending to " + e.Dst.String()
	}
	if e.Offender.IsValid() {
		s += ", from " + e.Offender.String()
	}
	return s
}

// Unwrap returns Errno.
func (e *NetworkError) Unwrap() error { return e.Errno }
