// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package afpacket is a [transport.Transport] over the packet sockets of Linux,
// packet(7), for IP packets at high rates: on one interface, in rings of memory
// shared with the kernel, past its routing, reassembly and firewall.
//
//	t, err := afpacket.Open(&afpacket.Config{Interface: "eth0"})
//	if err != nil {
//		return err // a *transport.PermissionError without CAP_NET_RAW
//	}
//	defer t.Close()
//	err = t.Bind(253)
//
// A [Transport] has Config.Queues queues. Each has a socket for ETH_P_IP and one
// for ETH_P_IPV6, or one for ETH_P_ALL, with a receive ring, and one socket that
// sends. The sockets of several queues are a fanout group per protocol.
// CAP_NET_RAW is needed by Open, Bind, and the first Claim of each family. The goroutines that there are follow
// the kernel's routes and neighbours; packets are handed on by who calls Recv.
//
// # Receiving
//
// Packets are delivered in place, out of the ring ([V3], [V2]), or as recvmmsg(2)
// has copied them ([None]). They are as they were on the wire, fragments
// included. What is delivered has a bound protocol and is to this host: to an
// address of any of its interfaces, a broadcast address of this one, a group that
// every host is in, or one that was joined. Loopback addresses, and IPv6 link-local
// ones of other interfaces, are this host's only on the loopback interface, as for
// the kernel. ReceiveForeign lifts that, and also
// lets in frames to another hardware address, which is what a VLAN's frames look
// like without Config.All.
//
// The kernel drops the rest early, by a filter that changes with what is bound:
// it is there before the socket receives anything, and one takes the place of
// another at a stroke. It is not locked, unless Config.Lock names the protocols
// for good. What was queued before a change is looked at again. Packets dropped
// by the filter are counted nowhere; those that a full ring or queue had no room
// for are Stats.Lost.
//
// The kernel sees all these packets, too. While a protocol is bound, a guard
// keeps it from answering "protocol unreachable"; see package
// protean/transport/guard. With Config.HideFragments it also keeps it from
// sending "time exceeded" for fragments that never became a datagram.
//
// Frames larger than the MTU are delivered like any other: several segments of TCP
// or UDP that a device or the kernel has merged, or not cut yet, which
// Packet.Merged tells, or datagrams that Config.Defrag has it
// reassemble. Segments of UDP that fit the MTU together come as one packet of which
// Packet.Merged is false: the kernel says nothing of them. Packets from this machine,
// of containers for instance, may have a checksum that was left to the device;
// Packet.Checksum tells. Packets that did not fit a V2 frame or a V3 block are dropped
// as malformed, as truncated.
//
// # Sending
//
// Packets go out as they are given. The kernel's route through the interface
// decides on the next hop and the MTU, its neighbour table on the hardware address;
// see packages protean/transport/route and protean/transport/neigh. Packets above
// the MTU are refused with a *[transport.TooBigError], IPv6 packets without a route through
// the interface with a *[net.OpError]. IPv4 packets without one are taken to be to a host
// on its link, unless a route refuses them or the address is one of this host's: so does the
// kernel with a socket that is bound to an interface. Transport.Route says that there is
// no route.
//
// A packet to a neighbour that is being looked for is accepted, and waits: up to
// 128 for each neighbour, and 1024 in a queue; another one is refused with ENOBUFS, and
// what is behind it to other neighbours goes. When the neighbour answers, they go the
// same way as others, in the order of Commit: behind what waits in a transmit ring, and
// until there is room for them, Commit returns [transport.ErrNoSlots] for packets to
// that neighbour, and behind a ring to all.
// If nobody answers within some seconds, they are counted as Stats.Unsent, and for
// each there is an event with EHOSTUNREACH; until the kernel tries again, packets
// there are refused with that. Close waits for a second for such packets, of
// all queues.
//
// In a transmit ring, packets that were accepted wait for room at the device, too, and
// for a link that went down meanwhile. They are tried again two milliseconds later, or
// after 100 with the link down, also if nobody calls anything; Close counts them among
// those that it waits for.
//
// The interface's hardware address and MTU are followed, also by who only sends: a
// moment after they have changed, when the kernel has announced it.
//
// # Addresses that the kernel does not own
//
// [Transport.Claim] takes over an address: packets to it are delivered, ARP
// requests and neighbour solicitations for it answered, and the link is told.
//
// # This host
//
// Packets to this host's own addresses do not come back; only on the loopback
// interface they do. There the kernel's IPv4 takes packets from addresses of its
// own for forged: it answers if the sysctls accept_local and, for 127.0.0.0/8,
// route_localnet of lo are set. The firewall's output rules do not see what is
// sent.
//
// # Memory
//
// Each family of each queue has a ring of Config.BlockSize times Config.Blocks,
// 8 MiB, which the kernel allocates at once. Slots are a block of Batch times
// 64 KiB of address space, of which packets of up to 1500 bytes touch some 350 KiB
// in all. With a transmit ring they are its frames, 256 pages of the kernel's if
// the MTU is 1500, with as much address space behind each. Neither receiving nor
// sending allocates, but for packets that wait for a neighbour. A Transport that
// is dropped and not closed stays until the process ends, and goes on: the
// goroutines that follow the kernel hold it.
//
// # Limitations
//
// One interface; Ethernet, loopback, and links without a link header, such as
// TUN. With V2, packets larger than the MTU at the time of Open do not fit. VLAN
// tags are received, not sent. ICMP errors are not reported as events.
package afpacket
