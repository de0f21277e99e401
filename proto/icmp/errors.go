// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package icmp

import (
	"protean/proto"
	"protean/proto/wire"
)

// A Reason is why a destination is unreachable.
type Reason uint8

// The reasons, with their codes in ICMP (RFC 792, RFC 1812 section 5.2.7.1) and
// ICMPv6 (RFC 4443 section 3.1).
const (
	NoRoute    Reason = iota // 0 and 0
	Host                     // 1 and 3: the host does not answer
	Protocol                 // 2, and parameter problem code 1: nobody takes the protocol
	Port                     // 3 and 4: nobody takes what the protocol has for a port
	Prohibited               // 13 and 1: a filter forbids it
)

var (
	codes4 = [...]uint8{wire.ICMPv4NetUnreachable, wire.ICMPv4HostUnreachable, wire.ICMPv4ProtoUnreachable,
		wire.ICMPv4PortUnreachable, wire.ICMPv4AdminProhibited}
	codes6 = [...]uint8{wire.ICMPv6NoRoute, wire.ICMPv6AddrUnreachable, 0,
		wire.ICMPv6PortUnreachable, wire.ICMPv6AdminProhibited}
)

// Unreachable tells p's source that p's destination is unreachable. Errors are
// those of Env.Unreachable.
func Unreachable(env *proto.Env, p *proto.Packet, why Reason) error {
	switch {
	case int(why) >= len(codes4):
		return wire.ErrField
	case !p.Is6():
		return env.Unreachable(p, wire.ICMPv4Unreachable, codes4[why], 0)
	case why == Protocol:
		return env.Unreachable(p, wire.ICMPv6ParamProblem, wire.ICMPv6UnknownNextHeader, nextHeaderAt(p))
	}
	return env.Unreachable(p, wire.ICMPv6Unreachable, codes6[why], 0)
}

// TimeExceeded tells p's source that its TTL or hop limit has run out on the
// way.
func TimeExceeded(env *proto.Env, p *proto.Packet) error {
	if p.Is6() {
		return env.Unreachable(p, wire.ICMPv6TimeExceeded, wire.ICMPv6HopLimitExceeded, 0)
	}
	return env.Unreachable(p, wire.ICMPv4TimeExceeded, wire.ICMPv4TTLExceeded, 0)
}

// TooBig tells p's source that a link carries no more than mtu bytes, and p was
// not to be cut.
func TooBig(env *proto.Env, p *proto.Packet, mtu int) error {
	if p.Is6() {
		return env.Unreachable(p, wire.ICMPv6PacketTooBig, 0, uint32(mtu))
	}
	return env.Unreachable(p, wire.ICMPv4Unreachable, wire.ICMPv4FragNeeded, uint32(mtu))
}

// ParameterProblem tells p's source that the header field at an offset, in
// bytes from the start of p, makes no sense.
func ParameterProblem(env *proto.Env, p *proto.Packet, at int) error {
	if p.Is6() {
		return env.Unreachable(p, wire.ICMPv6ParamProblem, wire.ICMPv6HeaderError, uint32(at))
	}
	return env.Unreachable(p, wire.ICMPv4ParamProblem, wire.ICMPv4PointerError, uint32(at))
}

// nextHeaderAt is the offset of the field that gives an IPv6 packet's protocol.
func nextHeaderAt(p *proto.Packet) uint32 {
	at := 6
	it := wire.NewExtIterator(p.Data[6], p.Data[wire.IPv6HeaderLen:p.HeaderLen()])
	for it.Next() {
		at = wire.IPv6HeaderLen + it.Header().Offset
	}
	return uint32(at)
}
