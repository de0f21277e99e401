// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"context"
	"net/netip"

	"protean/transport"
)

// Packet is a received packet; see [transport.Packet].
type Packet = transport.Packet

// NetworkError reports that a packet sent earlier was not delivered; see
// [transport.NetworkError].
type NetworkError = transport.NetworkError

// Sent is the transmit stamp of a packet sent earlier; see [transport.Sent].
type Sent = transport.Sent

// DropReason says why a packet was dropped; see [transport.DropReason].
type DropReason = transport.DropReason

// A Handler gives the packets of one or more IP protocols their meaning.
//
// HandlePacket is called for each packet, with p and its bytes valid until it
// returns. Its result decides what becomes of the packet:
//
//   - nil: taken;
//   - [Pass]: not mine, offer it to the next handler of the protocol;
//   - a [DropReason]: dropped, and counted under that reason;
//   - any other error: dropped, and counted as [transport.HandlerError].
//
// Unless the handler is [Concurrent], all its callbacks run one at a time,
// under the lock of its [Binding] ("on the loop"). They must not block; what
// blocks belongs into a [Runner] or above a [Conn]. If one panics, the packet
// is counted as dropped, the panic is reported, and the host goes on.
type Handler interface {
	HandlePacket(env *Env, p *Packet) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(env *Env, p *Packet) error

// HandlePacket calls f.
func (f HandlerFunc) HandlePacket(env *Env, p *Packet) error { return f(env, p) }

type passError struct{}

func (passError) Error() string { return "proto: passed on" }

// Pass is returned by a handler that has not taken a packet.
var Pass error = passError{}

// The interfaces below are optional; Handle looks for them once.

// A Starter is called before the first packet. Its error makes Handle fail.
type Starter interface {
	Start(env *Env) error
}

// A Stopper is called when its binding is closed. What it sends goes out.
type Stopper interface {
	Stop(env *Env)
}

// A BatchEnder is called after the packets of one receive call, for what is
// best done once for all of them, such as one acknowledgement.
type BatchEnder interface {
	EndBatch(env *Env) error
}

// A LinkHandler is told of each interface before Start, and of changes later.
// l is valid until HandleLink returns.
type LinkHandler interface {
	HandleLink(env *Env, l *transport.Interface) error
}

// An ErrorHandler is told of packets that could not be sent or delivered. e
// and what it quotes are valid until HandleError returns. About a packet that was sent in
// fragments it may be told several times, once for each of them.
type ErrorHandler interface {
	HandleError(env *Env, e *NetworkError) error
}

// A PathMTUHandler is told when the host learns that the path to a destination
// carries less than was known, and when it has forgotten that again, after ten
// minutes. mtu is what it goes by now, in bytes of IP packet; 0 if it knows
// nothing. The destination need not be one of the handler's own.
type PathMTUHandler interface {
	HandlePathMTU(env *Env, dst netip.Addr, mtu int) error
}

// A FragmentHandler is told of fragments about which an ICMP error is due: time
// exceeded about the first fragment of a datagram that was given up since the
// others did not come in time (RFC 792, RFC 4443 section 3.3), and parameter
// problem about an IPv6 fragment that cannot be (RFC 8200 section 4.5, RFC 7112).
// It is told of those of its own protocols, and may send the error with
// Env.Unreachable, which the arguments are for. Where the transport reassembles
// there are none. p is valid until HandleFragment returns.
type FragmentHandler interface {
	HandleFragment(env *Env, p *Packet, typ, code uint8, arg uint32) error
}

// A SentHandler is told when packets of its protocol left that were sent with
// Header.Stamp: by the number in the packet, whichever binding sent it, so that bindings
// that share a number tell them apart by Header.Cookie. s is valid until HandleSent returns.
type SentHandler interface {
	HandleSent(env *Env, s *Sent) error
}

// A Runner has a goroutine of its own, for code that blocks. It runs while
// Host.Run runs; ctx ends with that, or when the binding is closed. It is not
// on the loop: it touches the handler's state only through Do, Post and Await.
type Runner interface {
	Run(ctx context.Context, b *Binding) error
}

// A Concurrent handler has HandlePacket and EndBatch called once per queue at
// a time, without the lock: Env.Queue tells which queue it is. Timers and
// whatever else needs the loop are out of reach there; use Binding.Post.
type Concurrent interface {
	HandlesConcurrently()
}
