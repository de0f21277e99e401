// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestHeapKeepsTheOrderOfTimeThenSequence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h heap
	sources := make([]source, 200)
	model := map[*source]event{}
	for seq := range uint64(50000) {
		s := &sources[r.IntN(len(sources))]
		switch r.IntN(4) {
		case 0, 1:
			at := int64(r.IntN(50))
			h.set(s, at, seq)
			model[s] = event{at, seq, s}
		case 2:
			h.remove(s)
			delete(model, s)
		case 3:
			if h.len() == 0 {
				continue
			}
			top := *h.top()
			for _, e := range model {
				if e.before(&top) {
					t.Fatalf("%v is on top, %v should be", top, e)
				}
			}
			h.remove(top.src)
			delete(model, top.src)
		}
		if h.len() != len(model) {
			t.Fatalf("%d events, want %d", h.len(), len(model))
		}
	}
}

func TestRingIsFirstInFirstOut(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var q ring[int]
	var model []int
	for i := range 10000 {
		if r.IntN(100) < 52 {
			if i%2 == 0 {
				q.push(i)
			} else {
				*q.add() = i
			}
			model = append(model, i)
		} else if len(model) > 0 {
			q.drop()
			model = model[1:]
		}
		var all []int
		for k := range q.n {
			all = append(all, *q.at(k))
		}
		if !slices.Equal(all, model) {
			t.Fatalf("%v, want %v", all, model)
		}
	}
}

func TestASetHasWhatWasAdded(t *testing.T) {
	var s set[int]
	for i := range 3 * few {
		if s.has(i) {
			t.Fatalf("%d is there before it was added", i)
		}
		s.add(i)
		s.add(i)
		for k := range 3 * few {
			if s.has(k) != (k <= i) {
				t.Fatalf("%d of %d: %v", k, i, s.has(k))
			}
		}
	}
	if len(s.list) != 3*few {
		t.Errorf("%d elements", len(s.list))
	}
}

func TestBuffersAreLargeEnoughAndUsedAgain(t *testing.T) {
	var b buffers
	for n := 1; n <= maxPacket; n += 13 {
		buf := b.get(n)
		c := class(n)
		if len(buf) != n || cap(buf) != classSize(c) || class(cap(buf)) != c || c > 0 && classSize(c-1) >= n {
			t.Fatalf("%d bytes: length %d, capacity %d, class %d", n, len(buf), cap(buf), c)
		}
		b.put(buf)
		if len(b.free[c]) != 1 {
			t.Fatalf("%d bytes: %d free buffers of class %d", n, len(b.free[c]), c)
		}
	}
	b.put(nil)
}
