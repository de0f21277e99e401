// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestArena stores byte strings of all sizes until there is no memory, checks
// that they are what was stored, and gives them back in any order.
func TestArena(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	a := arena{max: 8}
	type stored struct {
		head chunk
		b    []byte
	}
	var all []stored
	full, other := 0, 0
	for range 20000 {
		if len(all) > 0 && r.IntN(16) < 6 {
			i := r.IntN(len(all))
			s := all[i]
			got := make([]byte, len(s.b))
			a.read(s.head, 0, got)
			skip := r.IntN(len(s.b))
			if !bytes.Equal(got, s.b) || !a.equal(s.head, skip, s.b[skip:]) {
				t.Fatal("what is read is not what was stored")
			}
			got[skip]++
			if a.equal(s.head, skip, got[skip:]) {
				t.Fatal("equal to something else")
			}
			a.release(s.head)
			all[i] = all[len(all)-1]
			all = all[:len(all)-1]
			continue
		}
		s := stored{b: make([]byte, 1+r.IntN([]int{40, 200, 1500, 9000}[r.IntN(4)]))}
		for i := range s.b {
			s.b[i] = byte(r.Uint32())
		}
		var tail chunk
		for rest := s.b; len(rest) > 0; {
			c := a.take(len(rest))
			if c == 0 {
				full++
				break
			}
			b, _ := a.bytes(c)
			if len(b) != chunkSizes[chunkClass(len(rest))] {
				other++
			}
			rest = rest[copy(b, rest):]
			if tail == 0 {
				s.head = c
			} else {
				a.join(tail, c)
			}
			tail = c
			if len(rest) == 0 {
				all = append(all, s)
				s.head = 0
			}
		}
		a.release(s.head) // what did not fit
	}
	if full == 0 || other == 0 {
		t.Errorf("never full (%d) or never short of a size (%d)", full, other)
	}
	if err := a.check(); err != nil {
		t.Error(err)
	}
	for _, s := range all {
		a.release(s.head)
	}
	if err := a.check(); err != nil || a.inUse != 0 {
		t.Errorf("%d bytes in use; %v", a.inUse, err)
	}
	for class, size := range chunkSizes { // each has its turn with all of the memory
		var taken []chunk
		for c := a.take(size); c != 0; c = a.take(size) {
			if a.size(c) != size {
				t.Fatalf("class %d: a chunk of %d bytes", class, a.size(c))
			}
			taken = append(taken, c)
		}
		if want := a.max * (slabBytes / size); len(taken) != want {
			t.Errorf("class %d: %d chunks of %d", class, len(taken), want)
		}
		r.Shuffle(len(taken), func(i, k int) { taken[i], taken[k] = taken[k], taken[i] })
		for i, c := range taken {
			a.release(c)
			if i%50 == 0 || i == len(taken)-1 {
				if err := a.check(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
