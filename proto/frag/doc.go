// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package frag cuts IP packets into fragments and puts fragments together
// again, for IPv4 (RFC 791) and IPv6 (RFC 8200 section 4.5). It does no input or
// output, starts no goroutine and reads no clock: packets are []byte, and the
// time is an argument.
//
// # Receiving
//
// A [Reassembler] is fed every fragment that arrives:
//
//	var d frag.Datagram
//	switch v := r.Feed(now, packet, frag.Meta{IfIndex: ifindex}, &d); {
//	case v == frag.Complete:
//		deliver(d.Packet, d.FragSize) // one contiguous packet, valid until the next call
//	case v == frag.Whole:
//		deliver(packet, 0) // it was no fragment
//	case v.Dropped():
//		dropped[v.Reason()]++
//	}
//
// By default a datagram whose fragments contradict each other is dropped (RFC
// 5722), one that is not complete in time is given up, and [Config] has a
// [Policy] for every other way in which systems are known to deal with
// fragments that overlap. [Reassembler.Expire] belongs after each batch of
// packets and at the time that [Reassembler.Next] returns; Config.OnExpire gets
// the first fragment of what is given up, for whoever wants to send an ICMP time
// exceeded message. Nothing here sends one, since on Linux the kernel
// reassembles the same fragments, and answers, whether a packet socket sees
// them or not. [Verdict.ParameterProblem] tells what an ICMPv6 message about a
// refused fragment would say.
//
// A verdict is about the fragment just fed. Those that were held before and are
// dropped with it, or for want of memory or time, show in [Stats], where every
// fragment is accounted for: delivered, dropped under one of the verdicts, or
// held.
//
// # Under attack
//
// Fragments of datagrams that never become complete are the cheapest way to use
// up a receiver's memory. What a Reassembler holds is bounded in bytes, in
// datagrams and in fragments of each, and when a bound is reached it makes room
// rather than refuse what is new. A datagram of which a second fragment has
// arrived is kept longer than one with a single fragment, so a flood of single
// fragments displaces itself; memory is taken from the sources that use most of
// it; and a fragment of a datagram that is held is not refused for want of
// memory, unless that datagram alone needs more than the limit. A datagram is
// charged for the bytes that have arrived, wherever in it they lie: two small
// fragments at its two ends cost less than 2 KiB. (Beside that, a Reassembler has two
// buffers of 64 KiB, however many datagrams there are.) The hash table and the choice of
// what is displaced depend on random seeds.
//
// # Sending
//
// A [Splitter] cuts one packet after the other. It yields header and payload of
// each fragment, the payload being part of the packet, or copies both to where
// the caller wants them. An IPv4 packet with the don't-fragment flag is refused
// with a [TooBigError]; IPv6 packets are cut as only their source may. [IDs]
// hands out identifications that neither repeat soon nor can be guessed, and
// [Chaos] is a Splitter that sends what it cuts in a wrong order, in part, more
// than once, or wrong, for tests of receivers.
//
// # Limits
//
// Jumbograms (RFC 2675) are neither cut nor put together. The IPv4 header
// checksum of what is fed is not verified. No type may be used by two
// goroutines at once; receive queues whose fragments do not meet can have a
// Reassembler each, while whatever sends from one address should share one IDs.
package frag
