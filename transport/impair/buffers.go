// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import "math/bits"

// buffers recycles memory in classes of powers of two, from 128 bytes on. It
// never holds more than was in use at once at some time.
type buffers struct {
	free [11][][]byte
}

const minClassBits = 7

func sizeClass(n int) int {
	if n <= 1<<minClassBits {
		return 0
	}
	return bits.Len(uint(n-1)) - minClassBits
}

// get returns memory of length n, at most 128 KiB, which holds whatever was
// there before.
func (b *buffers) get(n int) []byte {
	c := sizeClass(n)
	if k := len(b.free[c]) - 1; k >= 0 {
		buf := b.free[c][k]
		b.free[c] = b.free[c][:k]
		return buf[:n]
	}
	return make([]byte, n, 1<<(c+minClassBits))
}

// put takes memory back that get returned.
func (b *buffers) put(buf []byte) {
	c := sizeClass(cap(buf))
	b.free[c] = append(b.free[c], buf[:0])
}
