// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"
)

// icmpExtendedQuote is the least length of the quoted packet in front of an
// extension structure, zero padding included (RFC 4884 section 5).
const icmpExtendedQuote = 128

// splitQuote divides the body of an ICMP error into the quoted packet and the
// extension structure behind it. Length is what the RFC 4884 length field says
// in bytes, 0 if there is none; one that is longer than the body is ignored.
func splitQuote(body []byte, length int) (quoted, ext []byte) {
	if length == 0 || length >= len(body) {
		return body, nil
	}
	return body[:length:length], body[length:]
}

// An ICMPError is an ICMP error message to be built, v4 or v6. Type and Code
// are those of the family it is built for. A field that the type does not have
// must be zero.
type ICMPError struct {
	Type, Code uint8

	// MTU is that of the next hop, for packet too big and, at most 65535, for
	// ICMPv4FragNeeded.
	MTU uint32

	// Pointer is the offset in the quoted packet that a parameter problem
	// complains about; at most 255 in IPv4.
	Pointer uint32

	// Gateway is the router to use instead, of an ICMPv4 redirect.
	Gateway netip.Addr

	// Quoted is the packet that the error is about, from its IP header, as
	// much of it as shall be quoted. RFC 1812 section 4.3.2.3 limits the whole
	// error packet to 576 bytes, RFC 4443 section 2.4 to 1280.
	Quoted []byte

	// Extensions is an extension structure (RFC 4884) with its header and
	// checksum. It can go with destination unreachable, time exceeded and, in
	// IPv4, parameter problem. If there is one, Quoted is padded with zeros to
	// 128 bytes or a multiple of four (IPv4) or eight (IPv6).
	Extensions []byte
}

// LenV4 returns the number of bytes that MarshalV4 writes.
func (e *ICMPError) LenV4() int { return ICMPHeaderLen + e.quoteLen(4) + len(e.Extensions) }

// LenV6 returns the number of bytes that MarshalV6 writes.
func (e *ICMPError) LenV6() int { return ICMPHeaderLen + e.quoteLen(8) + len(e.Extensions) }

// quoteLen returns the length of the quoted packet with padding.
func (e *ICMPError) quoteLen(unit int) int {
	if len(e.Extensions) == 0 {
		return len(e.Quoted)
	}
	return max(icmpExtendedQuote, (len(e.Quoted)+unit-1)&^(unit-1))
}

// MarshalV4 writes the message to the start of b as ICMPv4, checksum included.
// Its errors are ErrShortBuffer, ErrAddress for a gateway that is not IPv4,
// ErrLength for a quoted packet too long to have extensions behind it, and
// ErrField for a type that is not an error, a value that is too large, or one
// that the type has no place for.
func (e *ICMPError) MarshalV4(b []byte) error {
	var rest uint32
	mtu, pointer, gateway, ext := e.MTU, e.Pointer, e.Gateway, len(e.Extensions) > 0
	extended := false // the type has a length field
	switch e.Type {
	case ICMPv4Unreachable:
		extended = true
		if e.Code == ICMPv4FragNeeded && mtu <= 0xffff {
			rest, mtu = mtu, 0
		}
	case ICMPv4TimeExceeded:
		extended = true
	case ICMPv4ParamProblem:
		extended = true
		if pointer <= 0xff {
			rest, pointer = pointer<<24, 0
		}
	case ICMPv4Redirect:
		if !gateway.Is4() {
			return ErrAddress
		}
		v := gateway.As4()
		rest, gateway = binary.BigEndian.Uint32(v[:]), netip.Addr{}
	case ICMPv4SourceQuench:
	default:
		return ErrField
	}
	if mtu != 0 || pointer != 0 || gateway.IsValid() || ext && !extended {
		return ErrField
	}
	if ext {
		words := e.quoteLen(4) / 4
		if words > 0xff {
			return ErrLength
		}
		rest |= uint32(words) << 16
	}
	if len(b) < e.LenV4() {
		return ErrShortBuffer
	}
	ICMPv4(e.put(b[:e.LenV4()], rest)).FillChecksum()
	return nil
}

// MarshalV6 writes the message to the start of b as ICMPv6, checksum included,
// which covers the addresses. Its errors are those of MarshalV4, ErrAddress
// meaning that src or dst is not IPv6. A redirect is no error message in
// ICMPv6.
func (e *ICMPError) MarshalV6(b []byte, src, dst netip.Addr) error {
	var rest uint32
	mtu, pointer, ext := e.MTU, e.Pointer, len(e.Extensions) > 0
	extended := false
	switch e.Type {
	case ICMPv6Unreachable, ICMPv6TimeExceeded:
		extended = true
	case ICMPv6PacketTooBig:
		rest, mtu = mtu, 0
	case ICMPv6ParamProblem:
		rest, pointer = pointer, 0
	default:
		return ErrField
	}
	if mtu != 0 || pointer != 0 || e.Gateway.IsValid() || ext && !extended {
		return ErrField
	}
	if ext {
		words := e.quoteLen(8) / 8
		if words > 0xff {
			return ErrLength
		}
		rest = uint32(words) << 24
	}
	if len(b) < e.LenV6() {
		return ErrShortBuffer
	}
	if !src.Is6() || !dst.Is6() {
		return ErrAddress
	}
	ICMPv6(e.put(b[:e.LenV6()], rest)).FillChecksum(src, dst)
	return nil
}

// put writes everything but the checksum to b, which is as long as the message.
func (e *ICMPError) put(b []byte, rest uint32) []byte {
	b[0], b[1] = e.Type, e.Code
	binary.BigEndian.PutUint32(b[4:], rest)
	body := b[ICMPHeaderLen:]
	quote := body[:len(body)-len(e.Extensions)]
	clear(quote[copy(quote, e.Quoted):])
	copy(body[len(quote):], e.Extensions)
	return b
}
