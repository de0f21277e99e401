// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/checksum"
)

// An ICMPv4 is a view of an ICMP message (RFC 792), to the end of the IPv4
// payload. It aliases the bytes it was made from. Made by [ParseICMPv4] or
// [ParseICMPv4Quoted], no accessor panics whatever the bytes say. Accessors of
// a field that only some types have return zero, or no bytes, for the others.
type ICMPv4 []byte

// ParseICMPv4 is the validity gate for a received ICMP message, which is all of
// b. The reasons are TooShort, for less than 8 bytes, and BadChecksum.
func ParseICMPv4(b []byte) (ICMPv4, Malformed) {
	if len(b) < ICMPHeaderLen {
		return nil, TooShort
	}
	if !checksum.Verify(b) {
		return nil, BadChecksum
	}
	return ICMPv4(b[:len(b):len(b)]), NotMalformed
}

// ParseICMPv4Quoted is ParseICMPv4 for a message that may be cut off, such as
// one quoted in an ICMP error: the checksum is not checked.
func ParseICMPv4Quoted(b []byte) (ICMPv4, Malformed) {
	if len(b) < ICMPHeaderLen {
		return nil, TooShort
	}
	return ICMPv4(b[:len(b):len(b)]), NotMalformed
}

// Type returns the message type.
func (m ICMPv4) Type() uint8 { return m[0] }

// Code returns the code, whose meaning depends on the type.
func (m ICMPv4) Code() uint8 { return m[1] }

// Checksum returns the checksum field.
func (m ICMPv4) Checksum() uint16 { return binary.BigEndian.Uint16(m[2:]) }

// ID returns the identifier of an echo or timestamp message. The bytes are
// read whatever the type is.
func (m ICMPv4) ID() uint16 { return binary.BigEndian.Uint16(m[4:]) }

// Seq returns the sequence number of an echo or timestamp message. The bytes
// are read whatever the type is.
func (m ICMPv4) Seq() uint16 { return binary.BigEndian.Uint16(m[6:]) }

// Body returns what follows the first eight bytes: the data of an echo, the
// quoted packet of an error. It aliases the message.
func (m ICMPv4) Body() []byte { return m[ICMPHeaderLen:] }

// IsError reports whether the message is an error that quotes a packet.
func (m ICMPv4) IsError() bool {
	switch m[0] {
	case ICMPv4Unreachable, ICMPv4SourceQuench, ICMPv4Redirect, ICMPv4TimeExceeded, ICMPv4ParamProblem:
		return true
	}
	return false
}

// MTU returns the next-hop MTU of a destination unreachable message with code
// ICMPv4FragNeeded (RFC 1191). It is 0 from routers that do not tell.
func (m ICMPv4) MTU() int {
	if m[0] != ICMPv4Unreachable || m[1] != ICMPv4FragNeeded {
		return 0
	}
	return int(binary.BigEndian.Uint16(m[6:]))
}

// Pointer returns the offset in bytes, in the quoted packet, that a parameter
// problem message with code ICMPv4PointerError complains about.
func (m ICMPv4) Pointer() int {
	if m[0] != ICMPv4ParamProblem || m[1] != ICMPv4PointerError {
		return 0
	}
	return int(m[4])
}

// Gateway returns the router that a redirect message tells to use, and whether
// the message is a redirect.
func (m ICMPv4) Gateway() (addr netip.Addr, ok bool) {
	if m[0] != ICMPv4Redirect {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(m[4:8])), true
}

// Timestamps returns the times in a timestamp or timestamp reply message, in
// milliseconds since midnight UT, and whether the message has them.
func (m ICMPv4) Timestamps() (originate, receive, transmit uint32, ok bool) {
	if m[0] != ICMPv4Timestamp && m[0] != ICMPv4TimestampReply || len(m) < 20 {
		return 0, 0, 0, false
	}
	return binary.BigEndian.Uint32(m[8:]), binary.BigEndian.Uint32(m[12:]), binary.BigEndian.Uint32(m[16:]), true
}

// Quoted returns the start of the packet that an error message is about, from
// its IP header, for [ParseIPv4Quoted]; nil if the message is not an error. It
// aliases the message. If there are extensions the quoted packet ends in front
// of them, and can have padding behind its own end.
func (m ICMPv4) Quoted() []byte {
	if !m.IsError() {
		return nil
	}
	quoted, _ := splitQuote(m.Body(), m.quoteLen())
	return quoted
}

// Extensions returns the extension structure behind the quoted packet (RFC
// 4884), from its header, or nil if there is none. Its content is not checked.
// It aliases the message.
func (m ICMPv4) Extensions() []byte {
	_, ext := splitQuote(m.Body(), m.quoteLen())
	return ext
}

// quoteLen returns the length of the quoted packet by RFC 4884, in bytes; 0 if
// the message does not tell.
func (m ICMPv4) quoteLen() int {
	switch m[0] {
	case ICMPv4Unreachable, ICMPv4TimeExceeded, ICMPv4ParamProblem:
		return int(m[5]) * 4 // in 32-bit words
	}
	return 0
}

// SetType sets the type. Like the other setters it leaves the checksum alone.
func (m ICMPv4) SetType(t uint8) { m[0] = t }

// SetCode sets the code.
func (m ICMPv4) SetCode(c uint8) { m[1] = c }

// SetID sets the identifier of an echo or timestamp message.
func (m ICMPv4) SetID(id uint16) { binary.BigEndian.PutUint16(m[4:], id) }

// SetSeq sets the sequence number of an echo or timestamp message.
func (m ICMPv4) SetSeq(seq uint16) { binary.BigEndian.PutUint16(m[6:], seq) }

// SetChecksum sets the checksum field.
func (m ICMPv4) SetChecksum(sum uint16) { binary.BigEndian.PutUint16(m[2:], sum) }

// FillChecksum computes the checksum over the whole view and sets it.
func (m ICMPv4) FillChecksum() {
	m.SetChecksum(0)
	m.SetChecksum(checksum.Checksum(m))
}
