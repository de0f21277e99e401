// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package checksum computes the Internet checksum of RFC 1071, updates it
// incrementally as in RFC 1624, and sums the pseudo headers that transport
// protocols include.
//
// # Sums and checksums
//
// The package keeps two kinds of uint16 apart:
//
//   - A sum is the one's complement sum of data taken as 16-bit words, folded to
//     16 bits and not complemented. Sums are what [Sum], [Combine], [CombineAt]
//     and [PseudoHeader] return, and they can be added to each other.
//   - A checksum is the complement of a sum: what a header field holds.
//     [Checksum], [Update16] and [Update32] return one.
//
// Both are in host order with the meaning they have on the wire: data is taken
// as big-endian words whatever the machine is, and
// binary.BigEndian.PutUint16(field, checksum) stores a checksum. Data of an odd
// length counts as if a zero byte followed. A sum is zero only if all data is
// zero.
//
// To check a packet, sum it with its checksum field in place: the result of
// data that is intact is 0xffff, which is what [Verify] tests.
//
// Nothing here allocates.
package checksum
