// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"math/rand/v2"
	"testing"
)

// TestTable compares with a map, with hashes of which many are equal and most
// collide.
func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, hashes := range []uint32{1, 3, 40, 1 << 30} {
		var tab table
		entries := make([]entry, 1, 2000)
		want := make(map[uint32]uint32) // id to index
		var free []uint32
		hash := func(id uint32) uint32 { return id * 2654435761 % hashes * 0x10001 }
		for range 20000 {
			id := r.Uint32N(300)
			k := key{id: id, version: 4}
			i := tab.find(entries, hash(id), &k)
			if i != want[id] {
				t.Fatalf("find(%d) = %d, want %d", id, i, want[id])
			}
			switch {
			case i != 0:
				tab.remove(entries, i)
				free = append(free, i)
				delete(want, id)
				continue
			case len(free) > 0:
				i = free[len(free)-1]
				free = free[:len(free)-1]
			default:
				entries = append(entries, entry{})
				i = uint32(len(entries) - 1)
			}
			entries[i] = entry{key: k, hash: hash(id)}
			tab.insert(entries, i)
			want[id] = i
		}
		if tab.n != len(want) {
			t.Errorf("%d in the table, want %d", tab.n, len(want))
		}
		if 2*tab.n > len(tab.slots) {
			t.Errorf("%d of %d slots are used", tab.n, len(tab.slots))
		}
	}
}
