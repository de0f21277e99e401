// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

// Options say how a handler is registered.
type Options struct {
	Protocols []uint8 // at least one, unless AnyProtocol

	// AnyProtocol registers for the packets of every protocol. The transport
	// must have Caps.Foreign.
	AnyProtocol bool

	// V4 and V6 choose the families whose packets are taken. Both false, as both true,
	// takes both. Handlers of different families can register for the same protocol.
	V4, V6 bool

	// Shared lets other Shared handlers register for the same protocols. Each
	// packet is offered to them in order of registration until one takes it.
	Shared bool

	// Observe shows every packet to the handler before others get it. Its
	// result does not count, and it excludes nobody.
	Observe bool

	// Last has packets offered to the handler that all others have passed on, or
	// for which there is no other: not those that were dropped, or that the
	// options of others exclude. It excludes nobody. Together with AnyProtocol,
	// on a transport that cannot deliver every protocol, it means Protocols and
	// those that others have registered for.
	Last bool

	// Foreign has packets delivered that are not to an address of this host.
	// The transport must have Caps.Foreign.
	Foreign bool

	// Fragments delivers fragments as they come, and not the packets that the
	// host puts together from them: for this protocol it does not. Where the
	// transport reassembles (Caps.Reassembles) there are no fragments.
	Fragments bool

	// MinTTL drops packets with a smaller TTL or hop limit, RFC 5082.
	MinTTL uint8

	// Interfaces, if any, are the only ones from which packets are taken.
	Interfaces []int
}
