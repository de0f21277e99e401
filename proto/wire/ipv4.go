// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Lengths in bytes of IPv4 headers, and the largest packet.
const (
	IPv4HeaderLen     = 20    // without options
	IPv4MaxHeaderLen  = 60    // with 40 bytes of options
	IPv4MaxOptionsLen = 40    // the most that the header length field can say
	IPv4MaxLen        = 65535 // the most that the total length field can say
)

// The bits of the word that holds the flags and the fragment offset.
const (
	ipv4DontFragment  = 0x4000
	ipv4MoreFragments = 0x2000
	ipv4OffsetMask    = 0x1fff
)

// An IPv4 is a view of an IPv4 packet, from its header to the end of its
// payload (RFC 791 section 3.1). It aliases the bytes it was made from. Made
// by [ParseIPv4] or [ParseIPv4Quoted], no accessor panics whatever the bytes
// say, and no setter changes the version or the header length.
type IPv4 []byte

// ParseIPv4 is the validity gate for a received IPv4 packet: it returns a view
// of the packet at the start of b, trimmed to its total length (what follows
// is link-layer padding), or the reason why there is none:
//
//   - TooShort: less than the fixed header
//   - BadVersion: not version 4
//   - BadHeaderLen: the header length is below 20 bytes
//   - Truncated: the header length or the total length promises more than
//     there is
//   - BadTotalLen: the total length is less than the header length
//   - BadChecksum: the header checksum does not verify
//
// The options are not looked at; see [IPv4.OptionIterator].
func ParseIPv4(b []byte) (IPv4, Malformed) {
	if len(b) < IPv4HeaderLen {
		return nil, TooShort
	}
	if b[0]>>4 != 4 {
		return nil, BadVersion
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < IPv4HeaderLen {
		return nil, BadHeaderLen
	}
	if total < header {
		return nil, BadTotalLen
	}
	if total > len(b) {
		return nil, Truncated
	}
	if !verifyHeader(b[:header]) {
		return nil, BadChecksum
	}
	return IPv4(b[:total:total]), NotMalformed
}

// verifyHeader is checksum.Verify for an IPv4 header, 20 bytes or more in
// multiples of four, for which it takes half the time. The byte order does not
// matter: only all ones verify.
func verifyHeader(h []byte) bool {
	s, c := bits.Add64(binary.LittleEndian.Uint64(h), binary.LittleEndian.Uint64(h[8:]), 0)
	s, c = bits.Add64(s, uint64(binary.LittleEndian.Uint32(h[16:])), c)
	for o := h[20:]; len(o) >= 4; o = o[4:] {
		s, c = bits.Add64(s, uint64(binary.LittleEndian.Uint32(o)), c)
	}
	s = s>>32 + s&0xffffffff + c // < 2^33
	s = s>>16 + s&0xffff         // < 2^18
	s = s>>16 + s&0xffff         // < 2^16 + 3
	return s>>16+s&0xffff == 0xffff
}

// ParseIPv4Quoted is ParseIPv4 for a packet that may be cut off behind its
// header and changed on its way, such as one quoted in an ICMP error: the view
// ends where b ends if that is before the total length, and neither the
// checksum nor the relation of the two lengths is checked.
func ParseIPv4Quoted(b []byte) (IPv4, Malformed) {
	if len(b) < IPv4HeaderLen {
		return nil, TooShort
	}
	if b[0]>>4 != 4 {
		return nil, BadVersion
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < IPv4HeaderLen {
		return nil, BadHeaderLen
	}
	if header > len(b) {
		return nil, Truncated
	}
	if total < header || total > len(b) {
		total = len(b)
	}
	return IPv4(b[:total:total]), NotMalformed
}

// Version returns the version field; 4 behind the gate.
func (h IPv4) Version() int { return int(h[0] >> 4) }

// HeaderLen returns the length of the header with its options in bytes: four
// times the IHL field.
func (h IPv4) HeaderLen() int { return int(h[0]&15) * 4 }

// TOS returns the type of service byte: DSCP and ECN.
func (h IPv4) TOS() uint8 { return h[1] }

// DSCP returns the differentiated services code point (RFC 2474), 6 bits.
func (h IPv4) DSCP() uint8 { return h[1] >> 2 }

// ECN returns the explicit congestion notification field (RFC 3168), 2 bits.
func (h IPv4) ECN() uint8 { return h[1] & 3 }

// TotalLen returns the total length field: header and payload, in bytes.
func (h IPv4) TotalLen() int { return int(binary.BigEndian.Uint16(h[2:])) }

// ID returns the identification.
func (h IPv4) ID() uint16 { return binary.BigEndian.Uint16(h[4:]) }

// DontFragment returns the DF flag.
func (h IPv4) DontFragment() bool { return h[6]&(ipv4DontFragment>>8) != 0 }

// MoreFragments returns the MF flag.
func (h IPv4) MoreFragments() bool { return h[6]&(ipv4MoreFragments>>8) != 0 }

// FragmentOffset returns where the payload belongs in that of the unfragmented
// packet, in bytes; always a multiple of 8.
func (h IPv4) FragmentOffset() int {
	return int(binary.BigEndian.Uint16(h[6:])&ipv4OffsetMask) * 8
}

// IsFragment reports whether the packet is not whole: more fragments follow,
// or the offset is not zero.
func (h IPv4) IsFragment() bool {
	return binary.BigEndian.Uint16(h[6:])&(ipv4MoreFragments|ipv4OffsetMask) != 0
}

// TTL returns the time to live.
func (h IPv4) TTL() uint8 { return h[8] }

// Protocol returns the number of the protocol of the payload.
func (h IPv4) Protocol() uint8 { return h[9] }

// Checksum returns the header checksum field.
func (h IPv4) Checksum() uint16 { return binary.BigEndian.Uint16(h[10:]) }

// Src returns the source address.
func (h IPv4) Src() netip.Addr { return netip.AddrFrom4([4]byte(h[12:16])) }

// Dst returns the destination address.
func (h IPv4) Dst() netip.Addr { return netip.AddrFrom4([4]byte(h[16:20])) }

// Options returns the options with their padding, 0 to 40 bytes. It aliases
// the packet.
func (h IPv4) Options() []byte { return h[IPv4HeaderLen:h.HeaderLen()] }

// OptionIterator returns an iterator over the options.
func (h IPv4) OptionIterator() IPv4OptionIterator { return NewIPv4OptionIterator(h.Options()) }

// Header returns the header with its options. It aliases the packet.
func (h IPv4) Header() []byte { return h[:h.HeaderLen()] }

// Payload returns what follows the header. It aliases the packet.
func (h IPv4) Payload() []byte { return h[h.HeaderLen():] }
