// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/checksum"
)

// UDPHeaderLen is the length in bytes of a UDP header.
const UDPHeaderLen = 8

// A UDP is a view of a UDP datagram, from its header to the end of its payload
// (RFC 768). It aliases the bytes it was made from. Made by [ParseUDP] or
// [ParseUDPQuoted], no accessor panics whatever the bytes say.
type UDP []byte

// ParseUDP is the validity gate for a UDP datagram at the start of b received
// between the given addresses. It returns a view trimmed to the length in its
// header (RFC 768 allows bytes behind it), or the reason why there is none:
//
//   - TooShort: less than the header
//   - BadTotalLen: the length is less than the header
//   - Truncated: the length promises more than there is
//   - BadChecksum: the checksum does not verify; over IPv4 a checksum of zero
//     means that there is none, over IPv6 it is refused (RFC 8200 section 8.1)
func ParseUDP(b []byte, src, dst netip.Addr) (UDP, Malformed) {
	if len(b) < UDPHeaderLen {
		return nil, TooShort
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < UDPHeaderLen {
		return nil, BadTotalLen
	}
	if n > len(b) {
		return nil, Truncated
	}
	d := UDP(b[:n:n])
	if d.Checksum() == 0 {
		if src.Is6() {
			return nil, BadChecksum
		}
		return d, NotMalformed
	}
	if !checksum.VerifyWith(checksum.PseudoHeader(src, dst, ProtoUDP, n), d) {
		return nil, BadChecksum
	}
	return d, NotMalformed
}

// ParseUDPQuoted is ParseUDP for a datagram that may be cut off behind its
// header, such as one quoted in an ICMP error: the checksum is not checked,
// and the view ends where b ends if that is before the length in the header.
func ParseUDPQuoted(b []byte) (UDP, Malformed) {
	if len(b) < UDPHeaderLen {
		return nil, TooShort
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < UDPHeaderLen {
		return nil, BadTotalLen
	}
	n = min(n, len(b))
	return UDP(b[:n:n]), NotMalformed
}

// SrcPort returns the source port.
func (d UDP) SrcPort() uint16 { return binary.BigEndian.Uint16(d) }

// DstPort returns the destination port.
func (d UDP) DstPort() uint16 { return binary.BigEndian.Uint16(d[2:]) }

// Length returns the length field: header and payload, in bytes.
func (d UDP) Length() int { return int(binary.BigEndian.Uint16(d[4:])) }

// Checksum returns the checksum field; 0 means that there is none.
func (d UDP) Checksum() uint16 { return binary.BigEndian.Uint16(d[6:]) }

// Payload returns what follows the header. It aliases the datagram.
func (d UDP) Payload() []byte { return d[UDPHeaderLen:] }

// SetSrcPort sets the source port. Like the other setters it leaves the
// checksum alone.
func (d UDP) SetSrcPort(p uint16) { binary.BigEndian.PutUint16(d, p) }

// SetDstPort sets the destination port.
func (d UDP) SetDstPort(p uint16) { binary.BigEndian.PutUint16(d[2:], p) }

// SetLength sets the length field to the low 16 bits of n. It does not change
// the length of the view.
func (d UDP) SetLength(n int) { binary.BigEndian.PutUint16(d[4:], uint16(n)) }

// SetChecksum sets the checksum field.
func (d UDP) SetChecksum(sum uint16) { binary.BigEndian.PutUint16(d[6:], sum) }

// FillChecksum computes the checksum over the whole view, between the given
// addresses, and sets it. A checksum that comes out as zero is sent as 0xffff,
// which means the same (RFC 768).
func (d UDP) FillChecksum(src, dst netip.Addr) {
	d.SetChecksum(0)
	sum := ^checksum.Combine(checksum.PseudoHeader(src, dst, ProtoUDP, len(d)), checksum.Sum(d))
	if sum == 0 {
		sum = 0xffff
	}
	d.SetChecksum(sum)
}

// UDPFields are the fields of a UDP datagram to be built.
type UDPFields struct {
	SrcPort, DstPort uint16
	Payload          []byte
	NoChecksum       bool // send no checksum; IPv4 only
}

// Len returns the number of bytes that Marshal writes.
func (f *UDPFields) Len() int { return UDPHeaderLen + len(f.Payload) }

// Marshal writes the datagram to the start of b, with a checksum that covers
// the addresses. Its errors are ErrShortBuffer, ErrLength, ErrAddress if the
// addresses are not of one family, and ErrField for NoChecksum over IPv6.
func (f *UDPFields) Marshal(b []byte, src, dst netip.Addr) error {
	n := f.Len()
	switch {
	case n > 0xffff:
		return ErrLength
	case len(b) < n:
		return ErrShortBuffer
	case !src.IsValid() || src.BitLen() != dst.BitLen():
		return ErrAddress
	case f.NoChecksum && src.Is6():
		return ErrField
	}
	d := UDP(b[:n])
	d.SetSrcPort(f.SrcPort)
	d.SetDstPort(f.DstPort)
	d.SetLength(n)
	copy(d[UDPHeaderLen:], f.Payload)
	if f.NoChecksum {
		d.SetChecksum(0)
	} else {
		d.FillChecksum(src, dst)
	}
	return nil
}
