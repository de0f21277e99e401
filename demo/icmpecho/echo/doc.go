// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package echo asks with ICMP echo requests and answers them, for IPv4 (RFC
// 792) and IPv6 (RFC 4443).
//
// A [Pinger] sends requests to one address on a fixed schedule and accounts for
// each of them; a [Responder] answers. Both are handlers of protean/proto, for
// any transport, to be registered [proto.Options].Shared for protocol 1 or 58:
//
//	p := &echo.Pinger{Config: echo.Config{Dst: dst, Count: 5}}
//	b, err := host.HandleWith(p, &proto.Options{Protocols: []uint8{p.Protocol()}, Shared: true})
//
// What they take for theirs they take; the rest of ICMP they pass on.
// [Text] turns what a Pinger reports into the lines that ping of iputils
// prints.
//
// # Concurrency
//
// Pinger and Responder are state machines without locks: their methods are for
// the loop, so that the rest of a program calls them through
// [proto.Binding.Do] or [proto.Binding.Post].
//
// # Memory
//
// A Pinger keeps the send times of as many probes as there are sequence
// numbers, 65,536, and no more however long a target is silent. In the steady
// state neither of the two allocates.
//
// # Limitations
//
// Redirects and the deprecated source quench are not shown. A Responder that
// delays its answers holds a limited number of them.
package echo
