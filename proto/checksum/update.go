// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package checksum

// Update16 returns the checksum after a 16-bit word of the data changed from
// old to new, given the checksum before (RFC 1624 equation 3). The word must
// be at an even offset. Since sums add up, old and new can as well be the sums
// of longer parts that start at an even offset.
//
// The result is that of computing the checksum anew, but for one case: where
// that would give 0xffff, because all data became zero, the result can be 0.
// No IP header is all zero.
func Update16(checksum, old, new uint16) uint16 {
	s := uint32(^checksum) + uint32(^old) + uint32(new)
	s = s>>16 + s&0xffff
	return ^uint16(s>>16 + s)
}

// Update32 is Update16 for a 32-bit field at an even offset, such as an IPv4
// address.
func Update32(checksum uint16, old, new uint32) uint16 {
	s := uint32(^checksum) + (^old>>16 + ^old&0xffff) + (new>>16 + new&0xffff)
	s = s>>16 + s&0xffff
	return ^uint16(s>>16 + s)
}
