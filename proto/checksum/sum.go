// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package checksum

import (
	"encoding/binary"
	"math/bits"
)

// Sum returns the one's complement sum of b: folded, not complemented. An odd
// last byte counts as the high half of a word.
func Sum(b []byte) uint16 {
	// One's complement addition of 16-bit words gives the same result, up to
	// folding, in words of any width, and in either byte order up to a final
	// swap (RFC 1071 section 2). So this adds 64-bit words in little-endian
	// order, which is a plain load where it matters, with the carry of each
	// addition going into the next.
	var x, c uint64
	for len(b) >= 64 {
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[8:]), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[16:]), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[24:]), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[32:]), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[40:]), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[48:]), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[56:]), c)
		b = b[64:]
	}
	if len(b) >= 32 {
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[8:]), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[16:]), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[24:]), c)
		b = b[32:]
	}
	if len(b) >= 16 {
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b), c)
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b[8:]), c)
		b = b[16:]
	}
	if len(b) >= 8 {
		x, c = bits.Add64(x, binary.LittleEndian.Uint64(b), c)
		b = b[8:]
	}
	// The last 7 bytes or fewer are summed apart, which cannot overflow.
	var last uint64
	if len(b) >= 4 {
		last = uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		last += uint64(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) >= 1 {
		last += uint64(b[0])
	}
	x, c = bits.Add64(x, last, c)
	return bits.ReverseBytes16(fold(x, c))
}

// SumHeader is Sum of an IPv4 header without options, which most are. It is
// small enough to be inlined.
func SumHeader(h *[20]byte) uint16 {
	return bits.ReverseBytes16(SumWords(binary.LittleEndian.Uint64(h[:8]), binary.LittleEndian.Uint64(h[8:16]), binary.LittleEndian.Uint32(h[16:])))
}

// PutHeader writes the first 16 bytes of the IPv4 header h, of 20 bytes or more with its
// options, as two big-endian numbers, with the checksum of all of it. What is written in
// parts, also by the compiler, is read slowly afterwards, so it is made in registers.
func PutHeader(h []byte, first, second uint64) {
	const field = 0xffff << 32
	be := binary.BigEndian
	if second &^= field; len(h) == 20 {
		second |= uint64(^SumWords(first, second, be.Uint32(h[16:]))) << 32
	}
	be.PutUint64(h, first)
	be.PutUint64(h[8:], second)
	if len(h) > 20 {
		be.PutUint16(h[10:], Checksum(h))
	}
}

// SumWords is SumHeader of a header in registers: of its first and second eight
// bytes, and of its last four, as big-endian numbers.
func SumWords(first, second uint64, last uint32) uint16 {
	x, c := bits.Add64(first, second, 0)
	x, c = bits.Add64(x, uint64(last), c)
	x += c // no carry: the sum has just overflowed, or c is 0
	half := uint32((x + bits.RotateLeft64(x, 32)) >> 32)
	return uint16((half + bits.RotateLeft32(half, 16)) >> 16)
}

// fold reduces a 64-bit sum and the carry out of it to 16 bits.
func fold(x, carry uint64) uint16 {
	s := x>>32 + x&0xffffffff + carry // < 2^33
	s = s>>16 + s&0xffff              // < 2^18
	s = s>>16 + s&0xffff              // < 2^16 + 3
	return uint16(s>>16 + s)
}

// Checksum returns the checksum of b: the complement of its sum. The checksum
// field in b must be zero while this is computed.
func Checksum(b []byte) uint16 { return ^Sum(b) }

// Verify reports whether b, which includes its checksum, is intact. Data that
// is all zero is not: its checksum would be 0xffff.
func Verify(b []byte) bool { return Sum(b) == 0xffff }

// VerifyWith is Verify for b preceded by data with the given sum, such as a
// pseudo header.
func VerifyWith(sum uint16, b []byte) bool { return Combine(sum, Sum(b)) == 0xffff }
