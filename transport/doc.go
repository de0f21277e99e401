// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package transport is the contract between code that moves IP packets and
// code that gives them meaning.
//
// A [Transport] is one attachment to a network: a pair of raw sockets, a
// packet socket with its ring, a node of an in-memory network. It has one queue
// ([Queue]) or more. A queue pushes received packets, validated, in place and one
// by one, into a [Sink]; it lends slots ([Slot]) for packets to be sent and sends
// them in order. Every [Packet] starts at its IP header, in both directions
// and over every transport: where the kernel builds or strips the header, the
// transport translates.
//
// # Receiving
//
//	for {
//		n, err := q.Recv(sink, 64) // never blocks; calls sink.Deliver up to 64 times
//		...
//		if n == 0 {
//			err = q.Wait(time.Time{}) // the only call that blocks
//		}
//	}
//
// The bytes of a packet belong to the transport and are valid until Deliver
// returns. Keep a packet with [Packet.Clone].
//
// # Sending
//
//	var b transport.Batch
//	err := q.Reserve(&b, 1)
//	b.Slots[0].Data = append(b.Slots[0].Data, packet...)
//	sent, err := q.Commit(&b, 1)
//
// A slot belongs to the caller from Reserve until the Commit that sends it or
// gives it back.
//
// # Differences
//
// What a transport cannot do is said by [Caps] and by a typed error, never by
// silence. Abilities that only some transports have are interfaces of their
// own ([Multicaster], [Router], [StatsReader], ...), found with [As] and never
// by a bare type assertion, which a decorator would hide.
//
// # Conformance
//
// Package protean/transport/transporttest is this contract as a test suite.
//
// # Limitations
//
// IPv6 jumbograms (RFC 2675) are refused as malformed.
package transport
