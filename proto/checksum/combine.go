// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package checksum

import "math/bits"

// Combine returns the sum of two pieces of data from their sums a and b, where
// the first piece is of an even length.
func Combine(a, b uint16) uint16 {
	s := uint32(a) + uint32(b)
	return uint16(s>>16 + s)
}

// CombineAt returns the sum of two pieces of data from their sums a and b,
// where the second piece starts at the given offset in bytes, even or odd,
// from the start of the first. Only the lowest bit of offset counts.
func CombineAt(a, b uint16, offset int) uint16 {
	if offset&1 != 0 {
		// The bytes of the second piece trade places in their words, and so
		// do the bytes of its sum (RFC 1071 section 2, byte order independence).
		b = bits.ReverseBytes16(b)
	}
	return Combine(a, b)
}

// A Running sum takes data in pieces of any length. The zero Running is ready
// to use and has seen no data.
type Running struct {
	sum uint16
	odd bool
}

// Add appends b to the data summed so far.
func (r *Running) Add(b []byte) {
	s := Sum(b)
	if r.odd {
		s = bits.ReverseBytes16(s)
	}
	r.sum = Combine(r.sum, s)
	r.odd = r.odd != (len(b)&1 != 0)
}

// AddSum adds the sum of data that is a whole number of words and does not
// change whether the next piece starts at an odd place: a pseudo header.
func (r *Running) AddSum(sum uint16) { r.sum = Combine(r.sum, sum) }

// Sum returns the sum of the data so far.
func (r *Running) Sum() uint16 { return r.sum }

// Checksum returns the checksum of the data so far.
func (r *Running) Checksum() uint16 { return ^r.sum }
