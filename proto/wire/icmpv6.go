// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/checksum"
)

// An ICMPv6 is a view of an ICMPv6 message (RFC 4443), to the end of the IPv6
// payload. It aliases the bytes it was made from. Made by [ParseICMPv6] or
// [ParseICMPv6Quoted], no accessor panics whatever the bytes say. Accessors of
// a field that only some types have return zero, or no bytes, for the others.
type ICMPv6 []byte

// ParseICMPv6 is the validity gate for a received ICMPv6 message, which is all
// of b, between the given addresses. The reasons are TooShort, for less than 8
// bytes, and BadChecksum.
func ParseICMPv6(b []byte, src, dst netip.Addr) (ICMPv6, Malformed) {
	if len(b) < ICMPHeaderLen {
		return nil, TooShort
	}
	if !checksum.VerifyWith(checksum.PseudoHeader(src, dst, ProtoICMPv6, len(b)), b) {
		return nil, BadChecksum
	}
	return ICMPv6(b[:len(b):len(b)]), NotMalformed
}

// ParseICMPv6Quoted is ParseICMPv6 for a message that may be cut off, such as
// one quoted in an ICMP error, or whose checksum was checked elsewhere, as the
// kernel does for raw sockets: the checksum is not checked.
func ParseICMPv6Quoted(b []byte) (ICMPv6, Malformed) {
	if len(b) < ICMPHeaderLen {
		return nil, TooShort
	}
	return ICMPv6(b[:len(b):len(b)]), NotMalformed
}

// Type returns the message type.
func (m ICMPv6) Type() uint8 { return m[0] }

// Code returns the code, whose meaning depends on the type.
func (m ICMPv6) Code() uint8 { return m[1] }

// Checksum returns the checksum field.
func (m ICMPv6) Checksum() uint16 { return binary.BigEndian.Uint16(m[2:]) }

// ID returns the identifier of an echo message. The bytes are read whatever
// the type is.
func (m ICMPv6) ID() uint16 { return binary.BigEndian.Uint16(m[4:]) }

// Seq returns the sequence number of an echo message. The bytes are read
// whatever the type is.
func (m ICMPv6) Seq() uint16 { return binary.BigEndian.Uint16(m[6:]) }

// Body returns what follows the first eight bytes: the data of an echo, the
// quoted packet of an error. It aliases the message.
func (m ICMPv6) Body() []byte { return m[ICMPHeaderLen:] }

// IsError reports whether the message is an error, known or not: its type is
// below 128 (RFC 4443 section 2.1).
func (m ICMPv6) IsError() bool { return m[0] < 128 }

// MTU returns the MTU of a packet too big message, as it is on the wire.
func (m ICMPv6) MTU() uint32 {
	if m[0] != ICMPv6PacketTooBig {
		return 0
	}
	return binary.BigEndian.Uint32(m[4:])
}

// Pointer returns the offset in bytes, in the quoted packet, that a parameter
// problem message complains about. It can lie behind the end of the quote.
func (m ICMPv6) Pointer() uint32 {
	if m[0] != ICMPv6ParamProblem {
		return 0
	}
	return binary.BigEndian.Uint32(m[4:])
}

// Redirect returns the better next hop and the destination it is for, of a
// redirect message (RFC 4861 section 4.5), and whether the message has them.
func (m ICMPv6) Redirect() (target, dst netip.Addr, ok bool) {
	if m[0] != ICMPv6Redirect || len(m) < 40 {
		return netip.Addr{}, netip.Addr{}, false
	}
	return netip.AddrFrom16([16]byte(m[8:24])), netip.AddrFrom16([16]byte(m[24:40])), true
}

// Quoted returns the start of the packet that an error message is about, from
// its IP header, for [ParseIPv6Quoted]; nil if the message is not an error. It
// aliases the message. If there are extensions the quoted packet ends in front
// of them, and can have padding behind its own end.
func (m ICMPv6) Quoted() []byte {
	if !m.IsError() {
		return nil
	}
	quoted, _ := splitQuote(m.Body(), m.quoteLen())
	return quoted
}

// Extensions returns the extension structure behind the quoted packet (RFC
// 4884), from its header, or nil if there is none. Its content is not checked.
// It aliases the message.
func (m ICMPv6) Extensions() []byte {
	_, ext := splitQuote(m.Body(), m.quoteLen())
	return ext
}

// quoteLen returns the length of the quoted packet by RFC 4884, in bytes; 0 if
// the message does not tell.
func (m ICMPv6) quoteLen() int {
	switch m[0] {
	case ICMPv6Unreachable, ICMPv6TimeExceeded:
		return int(m[4]) * 8 // in 64-bit words
	}
	return 0
}

// SetType sets the type. Like the other setters it leaves the checksum alone.
func (m ICMPv6) SetType(t uint8) { m[0] = t }

// SetCode sets the code.
func (m ICMPv6) SetCode(c uint8) { m[1] = c }

// SetID sets the identifier of an echo message.
func (m ICMPv6) SetID(id uint16) { binary.BigEndian.PutUint16(m[4:], id) }

// SetSeq sets the sequence number of an echo message.
func (m ICMPv6) SetSeq(seq uint16) { binary.BigEndian.PutUint16(m[6:], seq) }

// SetChecksum sets the checksum field.
func (m ICMPv6) SetChecksum(sum uint16) { binary.BigEndian.PutUint16(m[2:], sum) }

// FillChecksum computes the checksum over the whole view, between the given
// addresses, and sets it.
func (m ICMPv6) FillChecksum(src, dst netip.Addr) {
	m.SetChecksum(0)
	m.SetChecksum(^checksum.Combine(
		checksum.PseudoHeader(src, dst, ProtoICMPv6, len(m)), checksum.Sum(m)))
}
