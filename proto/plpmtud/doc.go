// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package plpmtud finds out by probing what a path carries: packetization layer
// path MTU discovery, RFC 8899. It needs no ICMP, and so works behind routers
// that send none, or whose messages are filtered.
//
// A protocol that uses it can send a packet of any size that its peer
// acknowledges, and that it can afford to lose: a probe. It sends it with
// [proto.FragProbe], so that nobody cuts it.
//
// [Prober] is the state machine, with the time passed in. [Discovery] runs one
// in a handler:
//
//	d, err := plpmtud.Start(env, plpmtud.Config{Max: 1500}, h.sendProbe, h.resized)
//	...
//	d.Acked(env, size)         // the peer has acknowledged a probe
//	d.TooBig(env, e.MTU)       // HandleError was told of an MTU
//	d.BlackHole(env)           // packets of full size do not arrive any more
//	n := d.MTU()
//
// Sizes are those of whole IP packets, in bytes.
//
// Nothing here is safe for concurrent use; a handler's loop is one goroutine.
package plpmtud
