// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package proto runs handlers for IP protocols over a transport.
//
// A [Handler] is registered with a [Host] for an IP protocol number and gets
// the packets of that protocol, IPv4 and IPv6, with their headers validated.
// The smallest protocol echoes:
//
//	h, err := proto.NewHost(t, nil)
//	_, err = h.Handle(253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
//		s, err := env.Reply(p, len(p.Payload()))
//		if err != nil {
//			return err
//		}
//		copy(s.Payload(), p.Payload())
//		return s.Commit()
//	}))
//	err = h.Run(ctx)
//
// where t is any transport: protean/transport/rawip for raw sockets,
// protean/transport/afpacket for packet sockets with rings,
// protean/transport/sim for a network in memory.
//
// # The loop
//
// A protocol is a state machine without locks. Its packets, timers, link
// changes, errors and the application's calls ([Binding.Do], [Binding.Post],
// [Binding.Await]) never run concurrently: they run under the lock of the
// [Binding], on whichever goroutine has them. Through its [Env], valid for one
// callback, a handler sends, arms timers, and reads the time and random
// numbers. What it does not do is block; blocking code is a [Runner], or sits on
// a [Conn].
//
// Calls that wait for the loop return [ErrOnLoop] when made on it, and things
// that belong to a callback return [ErrNotOnLoop] outside it.
//
// # Memory
//
// A packet's bytes are valid until HandlePacket returns; keep a packet with its
// Clone. A [Slot] is the memory a packet is sent from: it belongs to the caller
// until Commit or Discard. In the steady state nothing is allocated per packet.
//
// # Fragments
//
// Packets above the path's MTU are cut where the transport does not do it,
// unless their FragMode forbids it, and fragments are put together where the
// transport does not do it, within the limits of Config.Reassembly. A handler
// gets whole packets, with the size of the largest fragment in FragSize.
//
// # Drivers
//
// [Host.Run] runs live until its context ends. [Host.Poll] makes one pass that
// never blocks, at a time given to it: a simulator steps many hosts with it in
// virtual time, in one goroutine. Within a testing/synctest bubble Run works in
// virtual time too. The handler is the same under all of them.
//
// # Faults
//
// A handler that panics is reported and the packet counted as dropped; the host
// goes on. Every packet received is accounted for in [Stats].
//
// # Errors of the network
//
// ICMP errors are matched with what was sent, and told to the binding that sent
// it ([ErrorHandler]) or to the [Conn] that Dial returned, over every transport:
// from its error queue, or from ICMP packets that the host reads beside any
// handler. Path MTUs are learnt from them, kept for ten minutes and told
// ([PathMTUHandler], Env.Route). What fits to nothing that was sent changes
// nothing and is counted. Env.Unreachable sends errors to others; package
// protean/proto/icmp answers as a kernel does.
//
// # Limitations
//
// A host has one transport; protean/transport/multi makes one of several. An
// error about a packet that was sent too long ago, by more than a second at high
// rates, is not told.
package proto
