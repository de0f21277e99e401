// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import "time"

// AnyProtocol asks [Transport.Bind] for the packets of every protocol. Only a
// transport with [Caps].Foreign can do it.
const AnyProtocol = -1

// A Transport carries IP packets. All methods are safe for concurrent use.
//
// A decorator (impairment, recording, poison) has in addition a method
// Unwrap() Transport, through which [As] finds the abilities of what it wraps.
type Transport interface {
	// Queues returns the receive and send loops, at least one. They are fixed
	// for the transport's life.
	Queues() []Queue

	// Bind has packets of this protocol (1 to 255, or [AnyProtocol]) delivered
	// from now on. It is idempotent, may be called while a queue waits, and
	// keeps the kernel from answering "protocol unreachable" for as long as
	// the protocol is bound. Of IPv6 fragments whose protocol lies behind
	// another extension header, and so cannot be told, all are delivered if
	// anything is bound. Errors: *[ProtocolError], *[PermissionError],
	// *[UnsupportedError], net.ErrClosed.
	Bind(protocol int) error

	// Unbind ends delivery of this protocol: what waits or arrives is not
	// delivered any more. It does not wait for a delivery under way on another
	// goroutine, so that it can be called from within one, and with locks held
	// that a sink takes.
	Unbind(protocol int) error

	// Interfaces returns a snapshot of the interfaces packets can come from
	// and go to. Changes come as events of kind [LinkChanged]. The slice and
	// what it points to belong to the caller.
	Interfaces() []Interface

	// Caps says what this transport does and does not do. It is constant.
	Caps() Caps

	// Close ends the transport: it wakes the goroutines in Wait, waits for
	// calls in flight, sends what was committed and frees memory last; that of
	// slots that are reserved stays valid for who holds them.
	// Calls on the transport or its queues afterwards return net.ErrClosed.
	// It is idempotent. It must not be called from within Deliver or Event.
	Close() error
}

// A Queue is one loop's worth of a transport. At most one goroutine at a time
// may be in Recv or Wait, and at most one in Reserve or Commit; the two sides
// are independent of each other. Wake may be called from anywhere.
type Queue interface {
	// Recv delivers up to limit waiting packets into s, in place and in order
	// of arrival, and the events that are due, each before the packets it
	// concerns. It never blocks; n == 0 with a nil error means nothing was
	// waiting. A limit below 1 delivers events only. A malformed packet is
	// counted as dropped, not delivered, and does not count towards n.
	//
	// Deliver may panic: the panic passes through Recv, the packet counts as
	// delivered, and the next Recv goes on with the packet after it. Until
	// then p and its bytes stay valid, so that the panic can be reported with
	// the packet.
	//
	// Errors: net.ErrClosed; a *net.OpError when the transport can receive no
	// more (an interface removed); *[UnsupportedError] when it only sends.
	Recv(s Sink, limit int) (n int, err error)

	// Wait blocks until a packet or an event is ready, until there is room to
	// send again after [ErrNoSlots], until Wake, or until the given time has
	// passed; the zero time means for ever. It may return early. Data that is
	// ready is reported whatever the time. Errors: net.ErrClosed; *net.OpError
	// as for Recv; [ErrStepped] if the transport is driven step by step.
	Wait(until time.Time) error

	// Wake makes the Wait in progress, or else the next one, return at once.
	// It is sticky: a Wake between two Waits is not lost. It never blocks.
	Wake()

	// Reserve appends to b between 1 and n empty slots, or returns
	// [ErrNoSlots] when there is none; n below 1 appends nothing. Callers that
	// do not know how many packets will follow do best to ask for 1, 1, 2, 4 …
	// since unused slots are not free either.
	Reserve(b *Batch, n int) error

	// Commit sends the first n packets of b in order and takes back all the
	// slots behind them. sent of them were accepted; if sent == n, err is nil
	// and b is empty. Otherwise err is about the first packet not sent, and b
	// holds exactly the n-sent packets not sent, in order. After [ErrNoSlots]
	// commit them again when there is room; after any other error that first
	// packet cannot be sent: [Batch.Drop] it and commit the rest. n of 0 gives
	// all slots back.
	Commit(b *Batch, n int) (sent int, err error)
}

// A Sink takes what a queue receives. Both methods are called on the goroutine
// that called Recv, never concurrently for one queue.
type Sink interface {
	// Deliver hands over one packet. p and its bytes are valid until it
	// returns; it may overwrite the bytes.
	Deliver(p *Packet)

	// Event hands over one event. e and what it points to are valid until it
	// returns.
	Event(e *Event)
}
