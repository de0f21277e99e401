// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"hash/maphash"
	"unsafe"
)

// A table finds entries by key: open addressing with linear probing. Slots hold
// indexes into the slab of entries, 0 for none, and at least half of them are
// empty. Removal moves later slots back, so that there are no tombstones and no
// rehash to clean them up.
type table struct {
	seed  maphash.Seed
	slots []uint32
	n     int
}

// hash returns the hash of k, which has no padding: in one run over its memory,
// for a third of what maphash.Comparable takes.
func (t *table) hash(k *key) uint32 {
	return uint32(maphash.Bytes(t.seed, unsafe.Slice((*byte)(unsafe.Pointer(k)), unsafe.Sizeof(*k))))
}

// find returns the index of the entry with the given key, or 0.
func (t *table) find(entries []entry, hash uint32, k *key) uint32 {
	if t.n == 0 {
		return 0
	}
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if e := &entries[t.slots[i]]; e.hash == hash && e.key.is(k) {
			return t.slots[i]
		}
	}
	return 0
}

func (t *table) insert(entries []entry, i uint32) {
	if 2*(t.n+1) > len(t.slots) {
		t.grow(entries)
	}
	t.n++
	t.put(entries[i].hash, i)
}

func (t *table) put(hash, i uint32) {
	mask := uint32(len(t.slots) - 1)
	s := hash & mask
	for t.slots[s] != 0 {
		s = (s + 1) & mask
	}
	t.slots[s] = i
}

func (t *table) grow(entries []entry) {
	old := t.slots
	t.slots = make([]uint32, max(64, 2*len(old)))
	for _, i := range old {
		if i != 0 {
			t.put(entries[i].hash, i)
		}
	}
}

func (t *table) remove(entries []entry, i uint32) {
	mask := uint32(len(t.slots) - 1)
	hole := entries[i].hash & mask
	for t.slots[hole] != i {
		hole = (hole + 1) & mask
	}
	// An entry further on moves into the hole unless its own place lies behind
	// the hole, seen in the direction of probing.
	for s := (hole + 1) & mask; t.slots[s] != 0; s = (s + 1) & mask {
		home := entries[t.slots[s]].hash & mask
		if (s-home)&mask >= (s-hole)&mask {
			t.slots[hole] = t.slots[s]
			hole = s
		}
	}
	t.slots[hole] = 0
	t.n--
}
