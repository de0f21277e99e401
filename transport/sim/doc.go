// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package sim is an IP network in memory, as a transport: code that runs over
// raw sockets runs over it unchanged, without privileges, with every fault
// that a link can have, and, stepped, with the same result in every run.
//
//	n := sim.New(&sim.Config{Seed: 1})
//	a, _ := n.Node("a")
//	b, _ := n.Node("b")
//	pa, _ := a.AddInterface("eth0", netip.MustParsePrefix("10.0.0.1/24"))
//	pb, _ := b.AddInterface("eth0", netip.MustParsePrefix("10.0.0.2/24"))
//	n.Connect(pa, pb, &sim.LinkConfig{Delay: 10 * time.Millisecond, Loss: 0.01})
//	t, _ := a.Open(nil) // a *sim.Transport
//
// A [Network] has nodes ([Node]), a node has interfaces ([Port]), a [Link] connects
// two of them, and a [Switch] makes one link out of several. A [Transport] is a
// handle on a node, and there may be several: each has a queue of its own and
// gets a copy of every packet whose protocol it has bound.
//
// # Three drivers
//
// A stepped network has virtual time, which passes only while [Network.Run],
// [Network.RunUntil] or [Network.Step] is running, as fast as the work can be
// done. It has no goroutine and no lock that anyone waits for; it calls the
// programs attached to its handles ([Stepper]) one after the other. Everything
// that happens has its place in one order: by time, and at the same time by
// when it was scheduled. With the same seed and the same programs, the same
// packets meet the same fate at the same nanosecond. Goroutines that use the
// network beside the one that drives it are safe, but give this up.
//
// A live network (Config.Live) has the system's time and one goroutine, and is
// used like any other transport, with Wait. It blocks on channels and timers
// alone: in a testing/synctest bubble its time is virtual, too.
//
// A live network in a bubble with Config.Barrier = synctest.Wait has an order
// as well, as a stepped one has, for programs with goroutines that block. Its
// goroutine makes everything happen, one thing at a time, and waits in between
// until all other goroutines are blocked. What they send meanwhile is sent
// then, in the order in which the handles were opened on the nodes, and the
// nodes made, and for each handle in the order in which it was committed. Waits
// with a deadline, and the timers of [Transport.NewTimer], expire one after the
// other. What two goroutines send on one handle at the same instant has no
// order: it is reported ([ConcurrentError]). Go's own timers that are due at the
// same instant go off before anything else does, in random order; let programs
// start at different instants.
//
// What a link does to packets besides, in any order, is a pipeline of package
// impair: [LinkConfig].Pipeline. [Link.Set] changes it.
//
// # Random numbers
//
// Every direction of a link has random numbers of its own, derived from the
// seed and the link's name, and every packet its own among those. Traffic on
// one link never changes what happens on another, and a fault that is added to
// a link does not change which packets another fault strikes.
//
// # What a node does
//
// A node takes packets to its own unicast addresses, whichever of its
// interfaces they arrive through (RFC 1122, section 3.3.4.2, weak model; an
// IPv6 link-local address counts on its own interface alone), to the broadcast
// address of a prefix of the interface, to 255.255.255.255, 224.0.0.1, ff01::1,
// ff02::1 and the solicited-node groups of its addresses, and for each handle
// those to the multicast groups it joined. ReceiveForeign lets a handle have
// all that arrives. Packets of a node to itself go through its loopback
// interface, "lo", at once. A node does not hear its own multicast and
// broadcast packets. The other interfaces have the flags of Ethernet: broadcast
// and multicast, not point-to-point.
//
// A packet to be sent has its whole IP header. Much as with IP_HDRINCL,
// see raw(7), of an IPv4 header the checksum is always filled in, and the total
// length, the identification (with DF, too) and the source address if they are zero. A source
// address is taken from the outgoing interface; if it has none, it stays zero.
// An IPv6 header is sent as it is. What [transport.Packet].Load would refuse
// is refused, and so are a packet that is shorter or longer than its header
// says (the kernel would overwrite the length) and one larger than the MTU:
// nothing is fragmented.
//
// Received packets carry the time at which they arrived at the node, with the
// source TimeKernel: the network under the handle took it, not its reader. A
// transmit stamp (Slot.Stamp) is the time at which the last bit has left the
// node; there is none for a packet that the link's queue dropped or that found
// the link down.
//
// # Memory
//
// Of the slots that can be reserved, each has room for the largest packet, but
// exists only until Commit, which moves the packet to memory of the right
// size. All memory is recycled; a network holds as much as it had in use at
// its peak. A Batch may hold up to 64 slots of one queue; another Reserve
// returns ErrNoSlots.
//
// # Routers and kernels
//
// A node sends nothing of its own accord, unless it is given a kernel:
// [Network.Router] makes a node that forwards, [Node.SetKernel] gives any node
// one. A kernel does what that of Linux does, and in the same words: it passes
// packets on by the longest prefix ([Node.AddRoute]), counts down TTL and hop
// limit, cuts IPv4 packets where DF allows it, sends ICMP errors within rate
// limits, and answers pings. [KernelConfig] says what it is silent about.
//
// # Life
//
// Links go up and down ([Link.SetUp]), are removed, and change their MTU;
// interfaces come and go and change their addresses; nodes crash and restart;
// partitions keep nodes apart ([Network.Partition]). [Network.At] has any of
// this done at a given time. Handles are told by events of kind LinkChanged; who
// has not received for a while is told once of each interface, how it is now.
// [Network.Tap] shows every packet and what becomes of it.
//
// # Limitations
//
// There is no link layer: interfaces have no hardware addresses. Who has an
// address on a link is known from the configuration; only a kernel takes time
// to find out that nobody has it. Packets of programs to a neighbour on a link
// between two are delivered there whatever the address. A kernel sends no
// redirects, follows no source routes, records no routes, reassembles nothing,
// and answers no TCP; groups are not routed, and there are no membership
// reports. There is one route to a prefix, and no metrics. A handle whose
// packets wait for a slow link is not told so: the link's queue drops what it
// cannot hold.
package sim
