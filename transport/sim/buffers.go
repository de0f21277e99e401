// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import "math/bits"

// buffers recycles packet memory in classes of 128, 256, … 32768 bytes and one
// for the largest packets. It never holds more than was in use at once at some
// time, and is emptied when the network is closed.
//
// A slot to be sent must have room for the largest packet, but most packets
// are small: memory of 64 KiB per packet in flight would defeat the caches. So
// the few slots that are being written have 64 KiB each, which stay warm, and
// Commit copies what was written into a buffer of the right class. Only
// packets of the largest class go on in the memory they were written to.
type buffers struct {
	free [numClasses][][]byte
}

const (
	minClassBits = 7
	numClasses   = 10
	slotClass    = numClasses - 1
)

// class returns the class of buffers that hold n bytes.
func class(n int) int {
	if n <= 1<<minClassBits {
		return 0
	}
	return min(bits.Len(uint(n-1))-minClassBits, slotClass)
}

func classSize(c int) int {
	if c == slotClass {
		return maxPacket
	}
	return 1 << (c + minClassBits)
}

// get returns memory of length n, which holds whatever was there before.
func (b *buffers) get(n int) []byte {
	c := class(n)
	if k := len(b.free[c]) - 1; k >= 0 {
		buf := b.free[c][k]
		b.free[c] = b.free[c][:k]
		return buf[:n]
	}
	return make([]byte, n, classSize(c))
}

// put takes memory back that get returned.
func (b *buffers) put(buf []byte) {
	if cap(buf) == 0 {
		return
	}
	c := class(cap(buf))
	b.free[c] = append(b.free[c], buf)
}
