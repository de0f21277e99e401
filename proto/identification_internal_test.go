// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import "testing"

// TestIdentificationsAreAPermutation, whatever the key, and one does not tell the next.
func TestIdentificationsAreAPermutation(t *testing.T) {
	for _, key := range []uint64{0, 1, 0x0123456789abcdef, 1<<64 - 1} {
		seen, steps := make([]bool, 1<<16), map[uint16]int{}
		for i := range 1 << 16 {
			id := scramble(key, uint16(i))
			if seen[id] {
				t.Fatalf("key %#x: %d comes twice", key, id)
			}
			seen[id] = true
			steps[scramble(key, uint16(i+1))-id]++
		}
		if key > 1 && key != 1<<64-1 {
			for step, n := range steps {
				if n > 1<<16/64 {
					t.Errorf("key %#x: %d of the next are %d more", key, n, step)
				}
			}
		}
	}
}

// TestAnIdentificationDoesNotTellTheNext: what packets of one binding have does not
// differ by as much each time, nor by what those of another differ by.
func TestAnIdentificationDoesNotTellTheNext(t *testing.T) {
	steps := map[uint16]int{}
	for key := range uint64(8) {
		b := &Binding{idKey: (key + 1) * 0x9e3779b97f4a7c15}
		o := &outbox{idsAtOnce: 1}
		last := o.nextID(b)
		for range 1000 {
			id := o.nextID(b)
			steps[id-last]++
			last = id
		}
	}
	for step, n := range steps {
		if n > 8000/100 {
			t.Errorf("%d of 8000 are %d more than the one before", n, step)
		}
	}
}
