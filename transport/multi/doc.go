// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package multi joins several transports into one: packet sockets of several
// interfaces, a raw socket for one family and a network in memory for the other,
// a tunnel beside a wire. A host runs over one transport; this is how it gets
// more than one.
//
//	wire, err := afpacket.Open(&afpacket.Config{Interface: "eth0"})
//	tunnel, err := afpacket.Open(&afpacket.Config{Interface: "gre1"})
//	t, err := multi.New(wire, tunnel)
//	h, err := proto.NewHost(t, nil)
//
// Its queues are those of its members, one after the other, and what they
// receive is delivered in place. A packet that two members receive, such as a raw
// socket and packet sockets in one network namespace, is delivered by both.
//
// A network in memory can be joined with sockets if it is live, but not a stepped
// one. Its time is the system's then, and the joined transport has no
// [transport.Clock].
//
// # Where packets go
//
// A packet to be sent goes to the member that has the interface it is to be sent
// through. If none is named, it goes to the member, of those that carry the family,
// on whose link the destination is, by the longest prefix of an interface that is
// up; or else to the first, in their order, that knows a route; or else to the
// first. A packet is staged in the memory of the queue that is to send it by
// default, the one its caller reserved from; if it goes to another member, it
// is copied once.
//
// # Interfaces
//
// Interfaces keep their indices where these mean the same: members in one network
// namespace. If an index stands for different interfaces in two members, judged by
// names and addresses when they are joined, all indices of the later one are moved
// up by a multiple of 2^20, for good.
//
// A member whose only interface is deleted fails, as by itself, and with it the joined
// transport: Recv and Wait of its queues return the error, which ends a host's Run. Whoever
// goes on with the others closes this one and joins them anew.
//
// # Abilities
//
// [transport.Transport.Bind], Unbind and foreign packets concern all members.
// Groups, claimed addresses and routes concern the one that has the interface. A
// member's own abilities, and its type, cannot be found through the joined
// transport.
package multi
