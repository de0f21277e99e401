// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"
)

// IPv6HeaderLen is the length in bytes of the fixed IPv6 header.
const IPv6HeaderLen = 40

// An IPv6 is a view of an IPv6 packet, from its fixed header to the end of its
// payload (RFC 8200 section 3). It aliases the bytes it was made from. Made by
// [ParseIPv6] or [ParseIPv6Quoted], no accessor panics whatever the bytes say.
type IPv6 []byte

// ParseIPv6 is the validity gate for a received IPv6 packet: it returns a view
// of the packet at the start of b, trimmed to the length its header gives (what
// follows is link-layer padding), or the reason why there is none:
//
//   - TooShort: less than the fixed header
//   - BadVersion: not version 6
//   - Jumbogram: payload length 0 and a hop-by-hop options header (RFC 2675)
//   - Truncated: the payload length promises more than there is
//
// The extension headers are not looked at; see [WalkIPv6].
func ParseIPv6(b []byte) (IPv6, Malformed) {
	if len(b) < IPv6HeaderLen {
		return nil, TooShort
	}
	if b[0]>>4 != 6 {
		return nil, BadVersion
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n == 0 && b[6] == ExtHopByHop {
		return nil, Jumbogram
	}
	n += IPv6HeaderLen
	if n > len(b) {
		return nil, Truncated
	}
	return IPv6(b[:n:n]), NotMalformed
}

// ParseIPv6Quoted is ParseIPv6 for a packet that may be cut off at the end,
// such as one quoted in an ICMP error or captured with a short snapshot
// length: Truncated is no reason, and the view ends where b ends.
func ParseIPv6Quoted(b []byte) (IPv6, Malformed) {
	if len(b) < IPv6HeaderLen {
		return nil, TooShort
	}
	if b[0]>>4 != 6 {
		return nil, BadVersion
	}
	n := min(len(b), IPv6HeaderLen+int(binary.BigEndian.Uint16(b[4:])))
	return IPv6(b[:n:n]), NotMalformed
}

// Version returns the version field; 6 behind the gate.
func (h IPv6) Version() int { return int(h[0] >> 4) }

// TrafficClass returns the traffic class: DSCP and ECN, like the TOS of IPv4.
func (h IPv6) TrafficClass() uint8 { return h[0]<<4 | h[1]>>4 }

// DSCP returns the differentiated services code point (RFC 2474), 6 bits.
func (h IPv6) DSCP() uint8 { return h.TrafficClass() >> 2 }

// ECN returns the explicit congestion notification field (RFC 3168), 2 bits.
func (h IPv6) ECN() uint8 { return h[1] >> 4 & 3 }

// FlowLabel returns the flow label (RFC 6437), 20 bits.
func (h IPv6) FlowLabel() uint32 { return binary.BigEndian.Uint32(h) & 0xfffff }

// PayloadLen returns the payload length field: the number of bytes after the
// fixed header, extension headers included.
func (h IPv6) PayloadLen() int { return int(binary.BigEndian.Uint16(h[4:])) }

// NextHeader returns the type of the header after the fixed one.
func (h IPv6) NextHeader() uint8 { return h[6] }

// HopLimit returns the hop limit.
func (h IPv6) HopLimit() uint8 { return h[7] }

// Src returns the source address, without zone.
func (h IPv6) Src() netip.Addr { return netip.AddrFrom16([16]byte(h[8:24])) }

// Dst returns the destination address, without zone.
func (h IPv6) Dst() netip.Addr { return netip.AddrFrom16([16]byte(h[24:40])) }

// Payload returns what follows the fixed header, extension headers included.
// It aliases the packet.
func (h IPv6) Payload() []byte { return h[IPv6HeaderLen:] }

// Extensions returns an iterator over the extension headers; see [ExtIterator].
func (h IPv6) Extensions() ExtIterator { return NewExtIterator(h.NextHeader(), h.Payload()) }

// SetTrafficClass sets DSCP and ECN.
func (h IPv6) SetTrafficClass(tc uint8) {
	h[0] = h[0]&0xf0 | tc>>4
	h[1] = h[1]&0x0f | tc<<4
}

// SetFlowLabel sets the flow label to the low 20 bits of label.
func (h IPv6) SetFlowLabel(label uint32) {
	h[1] = h[1]&0xf0 | uint8(label>>16)&0x0f
	binary.BigEndian.PutUint16(h[2:], uint16(label))
}

// SetPayloadLen sets the payload length field to the low 16 bits of n.
func (h IPv6) SetPayloadLen(n int) { binary.BigEndian.PutUint16(h[4:], uint16(n)) }

// SetNextHeader sets the type of the header after the fixed one.
func (h IPv6) SetNextHeader(t uint8) { h[6] = t }

// SetHopLimit sets the hop limit.
func (h IPv6) SetHopLimit(n uint8) { h[7] = n }

// SetSrc sets the source address from its 16-byte form; a zone is ignored. It
// panics if a is not valid.
func (h IPv6) SetSrc(a netip.Addr) { setAddr16(h[8:24], a) }

// SetDst sets the destination address, like SetSrc.
func (h IPv6) SetDst(a netip.Addr) { setAddr16(h[24:40], a) }

func setAddr16(b []byte, a netip.Addr) {
	if !a.IsValid() {
		panic("wire: address of the wrong family")
	}
	v := a.As16()
	copy(b, v[:])
}
