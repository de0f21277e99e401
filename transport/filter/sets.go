// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter

import (
	"slices"

	"golang.org/x/net/bpf"
)

// few is how many protocols are compared one by one. For more, a bit set is
// shorter and as fast.
const few = 8

// protocols accepts if the protocol in A is wanted, and goes on otherwise.
func (b *builder) protocols() {
	wanted := dedup(b.Protocols)
	if len(wanted) <= few {
		for _, p := range wanted {
			b.jumpIf(bpf.JumpEqual, uint32(p), b.accept)
		}
		return
	}
	var words [8]uint32
	for _, p := range wanted {
		words[p/32] |= 1 << (p % 32)
	}
	b.do( // X = 1 << (A & 31), A = A
		bpf.StoreScratch{Src: bpf.RegA, N: saved},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 31}, bpf.TAX{},
		bpf.LoadConstant{Dst: bpf.RegA, Val: 1},
		bpf.ALUOpX{Op: bpf.ALUOpShiftLeft}, bpf.TAX{},
		bpf.LoadScratch{Dst: bpf.RegA, N: saved},
	)
	var leaves [8]label
	for i := range leaves {
		leaves[i] = b.label()
	}
	b.search(0, leaves[:])
	for i, l := range leaves {
		b.at(l)
		b.do(bpf.TXA{})
		b.jumpIf(bpf.JumpBitsSet, words[i], b.accept)
		b.jump(b.drop)
	}
}

// search goes to the leaf of the word, from first on, that A falls into.
func (b *builder) search(first int, leaves []label) {
	if len(leaves) == 1 {
		b.jump(leaves[0])
		return
	}
	half, upper := len(leaves)/2, b.label()
	b.jumpIf(bpf.JumpGreaterOrEqual, uint32(first+half)*32, upper)
	b.search(first, leaves[:half])
	b.at(upper)
	b.search(first+half, leaves[half:])
}

// dedup returns a sorted copy without repetition.
func dedup[T uint8 | uint16](list []T) []T {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
