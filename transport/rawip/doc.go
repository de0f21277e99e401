// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package rawip is a [transport.Transport] over the raw IP sockets of Linux,
// raw(7): the kernel does routing, neighbours and reassembly, and packets to
// this host are received whatever interface they come from.
//
//	t, err := rawip.Open(nil)
//	if err != nil {
//		return err // a *transport.PermissionError without CAP_NET_RAW
//	}
//	defer t.Close()
//	err = t.Bind(253)
//
// A [Transport] has one queue. Each bound protocol has one socket per family,
// all in one epoll instance, which the Go runtime's poller waits for: there is
// no goroutine. Sockets are read with recvmmsg(2) and written with sendmmsg(2).
//
// # Privileges
//
// CAP_NET_RAW is needed by Open and Bind and, with [Kernel] headers, for the
// first packet of a protocol that is not bound and for each with IPv6
// options; not for anything else. A program opens, binds, and drops its capabilities; or a privileged one does the first
// two, and passes what [Transport.Files] returns to a worker that makes a
// transport of them without any:
//
//	files, err := t.Files() // with the protocols bound
//	cmd := exec.Command("worker")
//	cmd.ExtraFiles = files // or SCM_RIGHTS, unix(7)
//	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
//	err = cmd.Start() // and then close the files and t
//
//	// In the worker, which was told how many they are, with the files from descriptor 3 on:
//	t, err := rawip.FromFiles(nil, files...)
//
// # Receiving
//
// The kernel reassembles fragments; FragSize tells of it. Every packet starts
// at its IP header. IPv4 headers are the kernel's: it has verified them, and
// has written addresses and times into options that ask for it without
// correcting the checksum. IPv6 headers are stripped by the kernel and rebuilt
// here, with what the kernel tells of it (RFC 3542): addresses, hop limit, traffic
// class, flow label, payload length, and hop-by-hop options, destination options
// and routing headers in their order. Fragment headers are not there, also
// those of atomic fragments (RFC 6946). More than 2 KiB of extension headers are
// left out, which p.Known(FieldExt) tells, and FragSize with them. Arrival times
// are the kernel's. Order holds within a family and protocol.
//
// A raw socket gets a copy of a packet, as does every other one and the
// kernel's own handler for the protocol, if it has one (ICMP, TCP, UDP, and
// modules). Packets a full receive buffer had no room for are counted as
// Stats.Lost and announced by an event; a datagram that did not fit its buffer,
// if there ever is one, is dropped as malformed. While a protocol is bound, a
// guard keeps the kernel from answering "protocol unreachable"; see package
// protean/transport/guard.
//
// # Sending
//
// Lengths are checked before a packet is sent. Packets larger than the MTU of
// the interface are refused with a *[transport.TooBigError]. The destination
// in the header decides the route, and Slot.IfIndex, if set, the interface,
// which link-local and multicast destinations need. Source addresses may be
// anybody's.
//
// Of a header that is included, IPv6 goes out as it is given. In IPv4 headers
// the kernel writes the total length, which is right already, and the
// checksum; the identification if it is 0 and DF is clear; and the source if it is
// 0.0.0.0.
//
// With [Kernel] headers, the kernel gets the source (which must be one of this
// host's; it is chosen if unspecified), the destination, TTL or hop limit, TOS
// or traffic class, flow label, IPv4 options, and of IPv6 a hop-by-hop and a
// destination options header of some 2 KiB together, in this order, for which it
// wants CAP_NET_RAW with every packet (EPERM). Slot.Frag decides whether the
// kernel fragments a packet above the path's MTU or refuses it; in an IPv4 header
// without DF, routers may fragment too. The IPv4 identification is the kernel's.
// Fragments, routing headers and other options headers are refused with a
// *[transport.UnsupportedError], and so are IPv4 source routes that do not begin at
// their first hop (pointer 4).
// A flow label that is leased exclusively by somebody else is refused with
// EINVAL (IPV6_FLOWLABEL_MGR).
//
// When a send buffer is full, Commit returns [transport.ErrNoSlots] and Wait
// returns when there is room. Room is made by the interface, and by neighbours
// answering: a packet to a neighbour that is being looked for stays in the
// buffer.
//
// # Errors and stamps
//
// What the network reports of packets of a bound protocol (ICMP, RFC 792 and
// RFC 4443) comes as events of kind ErrorReceived, from the error queues of the
// guard's sockets (IP_RECVERR and IPV6_RECVERR): with the packet it is about,
// who reported it, and the kernel's errno, MTU and time. So do neighbours that
// do not answer, after seconds. The kernel keeps errors back that quote fewer
// than eight bytes of payload, and those about packets from addresses that are
// not this host's come to nobody. What the kernel knows at once is returned by
// Commit. With Config.NoGuard, no errors come. At most 64 events of this kind
// and stamps come with one Recv.
//
// A slot with Stamp has an event of kind PacketSent come, with the time at which
// the interface's driver was given the packet (SO_TIMESTAMPING, software), before
// any reply to it. Of more than 1024 packets that wait for their stamps some do
// without, as do those the error queue has no room for, some 270 by default,
// if nobody calls Recv.
//
// # Memory
//
// Receive buffers and slots are two blocks of Batch times 64 KiB of address
// space. Fresh from the system they take up no memory; packets of up to 1500
// bytes touch one or two pages of each, some 0.7 MiB in all. Neither receiving nor sending
// allocates.
//
// # Limitations
//
// Linux 5.1 or newer. Protocol 255 cannot be received, nor can packets to
// addresses that are not this host's. IPv6 fragments that are sent with their
// headers are held back by connection tracking, if that is active, until their
// datagram is complete; for IPv4 this is switched off (IP_NODEFRAG). Packets
// that a queueing discipline drops count as sent: the kernel does not tell.
// Stamps of interfaces are not read: all times are the kernel's.
package rawip
