// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import "math/bits"

// A bitmap says which blocks of a window have arrived. Blocks are numbered
// modulo its length; no two blocks of a window have the same place.
type bitmap struct {
	words []uint64
	n     uint32
}

func newBitmap(n uint32) bitmap { return bitmap{make([]uint64, (n+63)/64), n} }

func (m *bitmap) has(block uint32) bool {
	i := block % m.n
	return m.words[i/64]&(1<<(i%64)) != 0
}

func (m *bitmap) set(block uint32) {
	i := block % m.n
	m.words[i/64] |= 1 << (i % 64)
}

func (m *bitmap) clear(block uint32) {
	i := block % m.n
	m.words[i/64] &^= 1 << (i % 64)
}

// run returns the first block in from … end-1 that has arrived, or has not if
// set is false, or else end.
func (m *bitmap) run(from, end uint32, set bool) uint32 {
	for from < end {
		i := from % m.n
		w := m.words[i/64]
		if !set {
			w = ^w
		}
		if w >>= i % 64; w != 0 {
			if skip := uint32(bits.TrailingZeros64(w)); skip < m.n-i {
				return min(from+skip, end)
			}
		}
		from += min(64-i%64, m.n-i) // to the next word, or around
	}
	return end
}
