// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package icmp makes a host do what a kernel does with ICMP: answer echo and
// timestamp requests, say that nobody takes a protocol, and that fragments did
// not become a datagram.
//
//	h, err := proto.NewHost(t, nil)
//	_, err = icmp.Register(h, nil)
//
// A handler that it registers is asked last, for both families: what another
// handler takes, or drops, is not its business, and what all others pass on is
// unreachable. That another handler is bound to ICMP itself, a pinger for
// example, does no harm: the two share it.
//
// # Whose addresses
//
// It answers for addresses that nobody else answers for. Those of a network in
// memory (a transport with a time of its own, [transport.Clock]) are such,
// unless their node was given a kernel of its own. Those of the interfaces of a
// real system are not, since its kernel answers; only those that a handler has
// claimed ([proto.Env.Claim]) are. Config.Always has it answer for all, for a
// system whose kernel is kept quiet.
//
// # What is up to handlers
//
// [Unreachable], [TimeExceeded], [TooBig] and [ParameterProblem] send errors
// about a packet that a handler cannot do anything with, in the words of its
// family. Each is a call of [proto.Env.Unreachable], which applies the rules of
// RFC 1812 and RFC 4443, and the rate limits.
//
// Errors that come in about a host's own packets need none of this: see
// [proto.ErrorHandler].
package icmp
