// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package ping is a [transport.Transport] over the ICMP datagram sockets of
// Linux, icmp(7): it sends echo requests and receives the replies to them, with
// no privileges where the sysctl net.ipv4.ping_group_range, which holds for IPv6
// as well, has a group of the process.
//
//	t, err := ping.Open(nil)
//	if err != nil {
//		return err // a *transport.PermissionError if the groups are not in range
//	}
//	defer t.Close()
//	err = t.Bind(1) // ICMP; 58 for ICMPv6
//
// As over every transport, packets start at their IP headers, both ways. The
// kernel builds those that are sent, and of those that are received they are
// rebuilt from what it tells.
//
// # Sending
//
// A packet is an ICMP echo request, or an extended one (RFC 8335); everything
// else is refused with a *[transport.UnsupportedError]. The kernel takes the
// replies apart by their identifiers, so that a socket is opened for each
// identifier, when the first request with it is sent, and bound to it: a request
// goes out with the identifier it has. One that another program uses is refused
// with EADDRINUSE, as is 0, which a socket cannot have, with a
// *transport.UnsupportedError, and the next one after [MaxIDs]. The kernel
// writes the ICMP checksum.
//
// Of an IP header, the kernel gets source (one of this host's, or unspecified),
// destination, TTL or hop limit, TOS or traffic class, and IPv4 options, of source
// routes those that begin at their first hop (pointer 4). It
// chooses the identification and the flow label. An IPv6 source other than
// the route's takes a socket of its own, which counts for MaxIDs. Slot.Frag is obeyed; larger
// packets than the path carries are fragmented by the kernel or refused with a
// *[transport.TooBigError].
//
// # Receiving
//
// Only replies to identifiers that were used come, whole, and only while their
// protocol is bound; their checksums are verified by the kernel. Of IPv4, the
// identification and DF are not known. IPv6 extension headers come as they were
// sent, without fragment headers; more than some 2 KiB of them are left out.
// Requests never come: use raw
// sockets, package protean/transport/rawip, to answer them. The kernel answers
// them whatever is open here.
//
// Errors of the network come as events of kind ErrorReceived from the sockets'
// error queues (IP_RECVERR, IPV6_RECVERR), with what they quote from the ICMP
// header on. The source of the packet is not told, nor is its length.
//
// # Limitations
//
// Linux only, 5.1 or newer. There are no transmit stamps, and no multicast
// memberships.
package ping
