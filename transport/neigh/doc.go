// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package neigh finds the link-layer address of a next hop: what a frame to it
// carries as its destination.
//
// A [Kernel] has the kernel's neighbour table (arp(7), RFC 4861), learns of its
// changes, and has the kernel resolve what is not in it. A [Table] is a list of
// one's own. Both are a [Resolver].
//
//	k, err := neigh.Open(&neigh.Config{Changed: flush})
//	to, err := k.Lookup(r.NextHop, r.IfIndex) // r as package route found it
//
// # Packets that wait
//
// Lookup never waits for the network. What is known is answered without a lock,
// a system call or an allocation. [ErrPending] says that the kernel is asking
// the link: whoever has a packet for the hop keeps it, a few for each hop, and
// drops the oldest when there are more (RFC 1122, section 2.3.2.2, asks for at
// least the latest). Config.Changed is called when the hop is known, or when
// nobody has answered, at the latest after Config.Timeout: then Lookup has an
// address, or an *[Error], for all that waited. Changed may be called before
// the Lookup that returned ErrPending has returned. So look up once more after
// keeping the packet, or keep it under a lock that Changed takes.
//
// # Neighbours that go stale
//
// The kernel checks from time to time whether a neighbour is still there, if it
// sees traffic to it. It does not see frames from packet sockets. So Lookup
// tells it when it uses an address that has gone stale, and the kernel checks,
// while the old address is in use. A neighbour that does not answer any more is
// an *[Error] from then on; a second later the next Lookup tries again.
//
// # Privileges
//
// Having the kernel resolve (RTM_NEWNEIGH with NTF_USE in rtnetlink(7)) takes
// CAP_NET_ADMIN. Without it, an empty UDP datagram to the neighbour's discard
// port (RFC 863) has the same effect.
package neigh
