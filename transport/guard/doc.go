// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package guard keeps the kernel from answering "protocol unreachable" for IP
// protocols that this program handles in user space.
//
// Linux answers a packet of a protocol nobody has a raw socket for with ICMP
// type 3, code 2 (RFC 792), and with ICMPv6 type 4, code 1 (RFC 4443, section
// 3.4). Packet sockets do not count; a raw socket does, but not while its
// receive queue is full (raw_rcv in net/ipv4/raw.c), so a slow
// reader tells its peers that the protocol does not exist. A [Guard] is one
// more raw socket per family, neither bound nor connected, with a filter that
// drops every packet. The kernel tests the filter after it has counted the
// socket as a receiver, and nothing is ever queued, so a guard holds under any
// load. It takes nothing away from other sockets.
//
//	g, err := guard.Open(253, nil)
//	if err != nil {
//		return err
//	}
//	defer g.Close()
//
// No firewall rule is made, unless Config.Fragments asks for some, and nothing
// outlives the process: the kernel closes the sockets with it, however it ends,
// and takes the rules away, which belong to a socket. [Guard.Files] are for another
// process to hold, or to make a Guard of.
//
// # Limitations
//
// Linux only. CAP_NET_RAW is needed to open a guard, not to keep one. A guard
// acts in one network namespace. Without Config.Fragments it does not stop "time
// exceeded" for fragments that never became a whole packet; with it, it does not
// where an IPv6 fragment has another extension header before the protocol. It does
// not stop what the kernel's own handler for a protocol sends: with a tunnel module loaded, for instance, that module answers for its number. Extension
// headers of IPv6 (0, 43, 44 and 60) are not protocols there and cannot be
// guarded; for IPv4, 43, 44 and 60 can. 255 can for both, although raw(7) says
// that its sockets receive nothing.
package guard
