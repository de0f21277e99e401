// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package checksum

import "net/netip"

// PseudoHeader returns the sum of the pseudo header of a transport protocol:
// that of RFC 768 between IPv4 addresses and that of RFC 8200 section 8.1
// between IPv6 addresses, IPv4-mapped ones included. Length is the number of
// bytes of the upper-layer packet, header and data. Zones do not count. The
// sum of two addresses of different families, or of an invalid one, has no
// meaning.
func PseudoHeader(src, dst netip.Addr, protocol uint8, length int) uint16 {
	if src.Is4() && dst.Is4() {
		s, d := src.As4(), dst.As4()
		return fold(sum4(s)+sum4(d)+sumProtocol(protocol, length), 0)
	}
	s, d := src.As16(), dst.As16()
	return Combine(Combine(Sum(s[:]), Sum(d[:])), fold(sumProtocol(protocol, length), 0))
}

// PseudoHeaderBytes is PseudoHeader for addresses as they are in a packet: the
// source address followed by the destination address, which is bytes 12 to 20
// of an IPv4 header and bytes 8 to 40 of an IPv6 header.
func PseudoHeaderBytes(srcDst []byte, protocol uint8, length int) uint16 {
	return Combine(Sum(srcDst), fold(sumProtocol(protocol, length), 0))
}

// sumProtocol returns the unfolded sum of the rest of either pseudo header:
// they differ in layout, but not in sum as long as the length is below 65536,
// which it always is over IPv4.
func sumProtocol(protocol uint8, length int) uint64 {
	n := uint32(length)
	return uint64(protocol) + uint64(n>>16) + uint64(n&0xffff)
}

func sum4(a [4]byte) uint64 {
	return uint64(a[0])<<8 + uint64(a[1]) + uint64(a[2])<<8 + uint64(a[3])
}
