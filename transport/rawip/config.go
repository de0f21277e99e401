// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"math"
	"net"
	"net/netip"
	"slices"

	"protean/transport"
)

// A Header says who builds the IP headers of the packets sent.
type Header uint8

const (
	// Included sends packets with the headers they have (IP_HDRINCL,
	// IPV6_HDRINCL), except for what package documentation lists under
	// Sending.
	Included Header = iota

	// Kernel has the kernel build the headers, and fragment what is larger
	// than the path's MTU. Of the header given, what has a socket option or a
	// control message is passed on; see the package documentation.
	Kernel
)

// Config says what kind of sockets to open. The zero value, and a nil *Config,
// are good for most uses. Open copies it.
type Config struct {
	// V4 and V6 select families. Both false selects both, IPv6 only if the
	// host has it. A family that is selected and missing is an error.
	V4, V6 bool

	// Header says who builds the headers of packets sent.
	Header Header

	// SendOnly opens no sockets that receive: Bind and Recv return an
	// *transport.UnsupportedError. It requires Header to be Included.
	SendOnly bool

	// Local4 and Local6 are addresses of this host. If valid, only packets to
	// them are received, and they are the source where the header has none.
	// To packets with other destinations the kernel still does not answer as
	// long as their protocol is bound, unless NoGuard is set. A link-local
	// Local6 needs a zone, or Interface.
	Local4, Local6 netip.Addr

	// Interface, if not empty, is the name of the only interface to receive
	// from and send through (SO_BINDTODEVICE).
	Interface string

	// Transparent allows Local4 and Local6 to be addresses that are not this
	// host's, as sources, with Kernel headers too (IP_TRANSPARENT).
	Transparent bool

	// FreeBind allows Local4 and Local6 to be addresses that this host does not
	// have, or not yet (IP_FREEBIND, IPV6_FREEBIND): packets to them are received
	// from when it has. As a source with Kernel headers such a Local6 does, a
	// Local4 does not (ENETUNREACH); see Transparent.
	FreeBind bool

	// ICMPTypes and ICMPv6Types, if not nil, are the types of messages to
	// receive of protocols 1 and 58 (ICMP_FILTER, raw(7); ICMPV6_FILTER, RFC
	// 3542, section 3.2). ICMP types from 32 on come whatever is asked for.
	ICMPTypes, ICMPv6Types []uint8

	// Checksum6 says that the payload of every protocol over IPv6 has the
	// Internet checksum, with the pseudo-header of RFC 8200, section 8.1, at
	// Checksum6Offset bytes from its start, an even number (IPV6_CHECKSUM, RFC
	// 3542, section 3.1). With Kernel headers it is written into packets sent,
	// and a payload that is too short for it is refused (EINVAL). Received
	// packets are marked ChecksumVerified; those with a wrong one are dropped by
	// the kernel and count as Lost. For ICMPv6 the kernel does all that anyway.
	Checksum6       bool
	Checksum6Offset int

	// Mark, if not 0, is given to packets sent, for policy routing and firewalls
	// (SO_MARK, socket(7)). Route finds the way of packets with it.
	Mark uint32

	// Priority, 0 to 6, is that of packets sent for queueing disciplines
	// (SO_PRIORITY, socket(7)). With Kernel headers the TOS of an IPv4 packet
	// takes its place.
	Priority int

	// DontRoute sends to hosts on a link only, through no gateway (SO_DONTROUTE,
	// socket(7)).
	DontRoute bool

	// NoLoop keeps multicast packets that are sent from coming back to this host
	// (IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP).
	NoLoop bool

	// NetNS is the path of the network namespace to open sockets in, such as
	// /run/netns/x or /proc/PID/ns/net. Empty means the namespace that the
	// thread calling Open is in; later sockets are opened in it too, from
	// whatever thread.
	NetNS string

	// Rate is the number of packets per second to be prepared for, per
	// protocol and family. It sizes receive buffers so that 50 ms without a
	// call of Recv cost nothing. 0 means 50,000; negative means that RcvBuf 0
	// leaves the system's default.
	Rate int

	// RcvBuf is the size in bytes of each receive buffer, as SO_RCVBUF of
	// getsockopt(2) counts it: bookkeeping included, 2304 for a packet of up
	// to 1500 bytes. 0 means that Rate and the MTU decide; negative means the
	// system's default. See [Transport.BufferSize] for what became of it.
	RcvBuf int

	// SndBuf is the size in bytes of each send buffer, counted likewise. 0 and
	// negative mean the system's default.
	SndBuf int

	// Batch is the most packets taken from or given to the kernel at once, up
	// to 1024, and the number of slots. 0 means 64; negative means 1.
	Batch int

	// NoGuard leaves out what keeps the kernel from answering "protocol
	// unreachable" while a receive buffer is full or packets go to addresses
	// other than Local4 and Local6.
	NoGuard bool
}

const (
	name         = "rawip"
	defaultBatch = 64
	maxBatch     = 1024 // UIO_MAXIOV: recvmmsg(2) and sendmmsg(2) take no more
	defaultRate  = 50_000
)

// withDefaults returns a checked copy of c with its zeros and negatives
// resolved, except for those that mean the system's default.
func (c *Config) withDefaults() (Config, error) {
	var d Config
	if c != nil {
		d = *c
	}
	switch {
	case d.Batch == 0:
		d.Batch = defaultBatch
	case d.Batch < 0:
		d.Batch = 1
	}
	d.Batch = min(d.Batch, maxBatch)
	if d.Rate == 0 {
		d.Rate = defaultRate
	}
	d.ICMPTypes, d.ICMPv6Types = slices.Clone(d.ICMPTypes), slices.Clone(d.ICMPv6Types)
	both := !d.V4 && !d.V6
	switch {
	case d.Header > Kernel:
		return d, unsupported("this value of Config.Header")
	case d.RcvBuf > math.MaxInt32 || d.SndBuf > math.MaxInt32: // the kernel takes an int
		return d, unsupported("a buffer of 2 GiB or more")
	case d.SendOnly && d.Header == Kernel:
		return d, unsupported("SendOnly with a header built by the kernel")
	case d.Checksum6 && (d.Checksum6Offset < 0 || d.Checksum6Offset%2 != 0 || d.Checksum6Offset > 65533):
		return d, unsupported("this value of Config.Checksum6Offset")
	case d.Local4.IsValid() && (!d.Local4.Is4() || !d.V4 && !both):
		return d, addrError("bind", "Local4 is not an address of a selected family, IPv4", d.Local4)
	case d.Local6.IsValid() && (!d.Local6.Is6() || d.Local6.Is4In6() || !d.V6 && !both):
		return d, addrError("bind", "Local6 is not an address of a selected family, IPv6", d.Local6)
	}
	return d, nil
}

func unsupported(feature string) error {
	return &transport.UnsupportedError{Transport: name, Feature: feature}
}

func addrError(op, why string, a netip.Addr) error {
	return &net.OpError{Op: op, Net: name, Err: &net.AddrError{Err: why, Addr: a.String()}}
}
