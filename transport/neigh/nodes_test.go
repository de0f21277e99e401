// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
)

// chosen returns n hops of one link that a Fibonacci hash without a key has in
// bucket 0: their interface identifiers are computed backwards from that.
func chosen(n int) []netip.Addr {
	const phi = uint64(0x9e3779b97f4a7c15)
	inverse := phi // of phi, modulo 2^64: each step doubles the bits that are right
	for range 6 {
		inverse *= 2 - phi*inverse
	}
	b := [16]byte{0: 0xfd, 1: 0x77, 3: 1}
	hops := make([]netip.Addr, n)
	for i := range hops {
		x := uint64(i) * inverse
		binary.LittleEndian.PutUint64(b[8:], x^binary.LittleEndian.Uint64(b[:8])*phi^1)
		hops[i] = netip.AddrFrom16(b)
	}
	return hops
}

func filled(hops []netip.Addr) *nodes {
	k := newKernel(nil)
	for _, hop := range hops {
		k.nodes.add(hop, 1, &answer{})
	}
	return &k.nodes
}

func TestChosenHopsAreSpread(t *testing.T) {
	hops := chosen(4096)
	table := filled(hops)
	longest := 0
	for i := range table.buckets {
		n := 0
		for at := table.buckets[i].Load(); at != nil; at = at.next.Load() {
			n++
		}
		longest = max(longest, n)
	}
	if longest > 40 { // 4 on average; by chance, of the order of 1 in 10^24
		t.Errorf("%d of %d hops are in one bucket", longest, len(hops))
	}
	for _, hop := range hops {
		if n := table.find(hop, 1); n == nil || n.hop != hop || table.find(hop, 2) != nil {
			t.Fatalf("%v: found %+v", hop, n)
		}
	}
}

func TestEachTableHasAnOrderOfItsOwn(t *testing.T) {
	order := func(table *nodes) (hops []netip.Addr) {
		table.all(func(n *node) { hops = append(hops, n.hop) })
		return hops
	}
	hops := chosen(64)
	if slices.Equal(order(filled(hops)), order(filled(hops))) {
		t.Error("two tables have the same hops in the same order")
	}
}

func TestFindingAllocatesNothing(t *testing.T) {
	hops := append(chosen(64), netip.MustParseAddr("10.77.1.2"))
	table := filled(hops)
	if n := testing.AllocsPerRun(100, func() {
		for _, hop := range hops {
			table.find(hop, 1)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFindChosen(b *testing.B) {
	hops := chosen(4096)
	table := filled(hops)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.find(hops[i%len(hops)], 1)
	}
}
