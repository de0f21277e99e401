// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"golang.org/x/sys/unix"

	"protean/proto/wire"
)

// Room for IPv6 extension headers among control messages, in bytes: one of any
// length (2048), or several shorter ones.
const (
	// RecvControl6 is what RecvControl is, with extension headers.
	RecvControl6 = RecvControl + ExtControl
	// SendControl6 is what SendControl is, with extension headers.
	SendControl6 = SendControl + ExtControl
	// ExtControl is the room for the messages with extension headers.
	ExtControl = 2112
)

// ExtOptions have the kernel tell of extension headers (RFC 3542, section 8).
func ExtOptions() []Option {
	return []Option{
		{Call: "IPV6_RECVHOPOPTS", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVHOPOPTS, Value: 1},
		{Call: "IPV6_RECVDSTOPTS", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVDSTOPTS, Value: 1},
		{Call: "IPV6_RECVRTHDR", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVRTHDR, Value: 1},
	}
}

// extOf returns the type of the extension header in a control message.
func extOf(level, kind uint32) (header uint8, ok bool) {
	switch level<<16 | kind {
	case unix.SOL_IPV6<<16 | unix.IPV6_HOPOPTS:
		return wire.ExtHopByHop, true
	case unix.SOL_IPV6<<16 | unix.IPV6_DSTOPTS:
		return wire.ExtDestination, true
	case unix.SOL_IPV6<<16 | unix.IPV6_RTHDR:
		return wire.ExtRouting, true
	}
	return 0, false
}

// Extensions writes the IPv6 extension headers among control messages to dst, in
// the order of the messages, which is that of the packet
// (ip6_datagram_recv_specific_ctl in net/ipv6/datagram.c). It returns their
// length and the type of the first. A header that names a fragment header as its
// next, which the kernel has taken in, names the one behind that instead. ok is
// false if the headers do not make a chain up to protocol, or do not fit.
func Extensions(control, dst []byte, protocol uint8) (n int, first uint8, ok bool) {
	first = protocol
	link := &first
	expected := func(header uint8) bool {
		if n > 0 && *link != header && *link != wire.ExtFragment {
			return false
		}
		*link = header
		return true
	}
	for {
		level, kind, d, rest, more := NextControl(control)
		if !more {
			return n, first, expected(protocol)
		}
		control = rest
		header, is := extOf(level, kind)
		if !is {
			continue
		}
		if len(d) < 8 || len(d) != (int(d[1])+1)*8 || len(d) > len(dst)-n ||
			header == wire.ExtHopByHop && n > 0 || !expected(header) {
			return 0, 0, false
		}
		link = &dst[n]
		n += copy(dst[n:], d)
	}
}

// Ext asks for an extension header, a hop-by-hop or destination options header
// that is well-formed. The kernel writes its next header field.
func (w *Builder) Ext(header uint8, b []byte) {
	kind := unix.IPV6_DSTOPTS
	if header == wire.ExtHopByHop {
		kind = unix.IPV6_HOPOPTS
	}
	copy(w.Add(unix.SOL_IPV6, kind, len(b)), b)
}
