// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package icmp

import (
	"encoding/binary"
	"net/netip"
	"time"

	"protean/proto"
	"protean/proto/wire"
	"protean/transport"
)

// message4 answers an ICMP message. Errors, and types that it does not know,
// are for others (RFC 1122 section 3.2.2).
func (x *handler) message4(env *proto.Env, p *proto.Packet) error {
	m, bad := wire.ParseICMPv4Quoted(p.Payload())
	if bad != wire.NotMalformed {
		return transport.Malformed
	}
	if p.Checksum() != transport.ChecksumVerified {
		if _, bad := wire.ParseICMPv4(p.Payload()); bad != wire.NotMalformed {
			return transport.BadChecksum
		}
	}
	group := p.Type() != transport.PacketHost || p.Dst().IsMulticast()
	switch {
	case group && !x.Broadcast:
	case m.Type() == wire.ICMPv4Echo && !x.NoEcho:
		return echo(env, p, wire.ICMPv4EchoReply)
	case m.Type() == wire.ICMPv4Timestamp && !x.NoTimestamp && len(m) >= timestampLen:
		return timestamp(env, p)
	}
	return proto.Pass
}

// message6 answers an ICMPv6 message.
func (x *handler) message6(env *proto.Env, p *proto.Packet) error {
	m, bad := wire.ParseICMPv6Quoted(p.Payload())
	if bad != wire.NotMalformed {
		return transport.Malformed
	}
	if p.Checksum() != transport.ChecksumVerified {
		if _, bad := wire.ParseICMPv6(p.Payload(), p.Src(), p.Dst()); bad != wire.NotMalformed {
			return transport.BadChecksum
		}
	}
	if m.Type() == wire.ICMPv6Echo && !x.NoEcho {
		return echo(env, p, wire.ICMPv6EchoReply)
	}
	return proto.Pass
}

// echo sends p's data back.
func echo(env *proto.Env, p *proto.Packet, typ uint8) error {
	s, err := env.Reply(p, len(p.Payload()))
	if err != nil {
		return err
	}
	b := s.Payload()
	copy(b, p.Payload())
	b[0], b[1] = typ, 0
	return fill(s, p)
}

// timestampLen is the length of a timestamp message, RFC 792.
const timestampLen = 20

// timestamp answers with the time of day, in milliseconds since midnight UT.
func timestamp(env *proto.Env, p *proto.Packet) error {
	s, err := env.Reply(p, timestampLen)
	if err != nil {
		return err
	}
	b := s.Payload()
	copy(b, p.Payload())
	b[0], b[1] = wire.ICMPv4TimestampReply, 0
	ms := uint32(env.Now().UTC().Sub(env.Now().UTC().Truncate(24*time.Hour)) / time.Millisecond)
	binary.BigEndian.PutUint32(b[12:], ms)
	binary.BigEndian.PutUint32(b[16:], ms)
	return fill(s, p)
}

// fill completes the checksum of a reply, and sends it.
func fill(s *proto.Slot, p *proto.Packet) error {
	if p.Is6() {
		h := s.Header()
		wire.ICMPv6(s.Payload()).FillChecksum(netip.AddrFrom16([16]byte(h[8:24])), netip.AddrFrom16([16]byte(h[24:40])))
	} else {
		wire.ICMPv4(s.Payload()).FillChecksum()
	}
	return s.Commit()
}
