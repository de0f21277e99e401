// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

// TestOrderDoesNotMatter: a clean set of fragments in any order gives the
// datagram, with the fragment that arrives last and not before.
func TestOrderDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(newSeed(t), 1))
	for range 300 {
		family := 4 + 2*r.IntN(2)
		s := pieces(9+r.IntN(3000), 8*(1+r.IntN(40)))
		if len(s) < 2 {
			continue
		}
		var want []byte
		for _, p := range s {
			want = append(want, p.Data()...)
		}
		r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		for _, policy := range policies {
			g := newRig(t, unlimited(policy))
			f := flow(family)
			for i, p := range s {
				got := g.piece(&f, p)
				if i < len(s)-1 && got != nil {
					t.Fatalf("%v: delivered with a byte missing", policy)
				}
				if i == len(s)-1 && !bytes.Equal(got, want) {
					t.Fatalf("%v: %s", policy, script.Units(got))
				}
			}
			g.checkBooks()
		}
	}
}

// TestRepeatingChangesNothing: after any fragment, the same again, or any
// other that is held, changes neither what comes out nor what is in use.
func TestRepeatingChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(newSeed(t), 2))
	for i := range 300 {
		policy := []frag.Policy{frag.Drop, frag.Linux, frag.First}[i%3]
		s := pieces(100+r.IntN(1000), 8*(2+r.IntN(10)))
		if len(s) < 3 {
			continue
		}
		r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		g := newRig(t, &frag.Config{Policy: policy})
		for i, p := range s[:len(s)-1] {
			g.piece(&flow4, p)
			before := g.r.Stats()
			if v, _, _ := g.feed(flow4.Append(nil, s[r.IntN(i+1)]), frag.Meta{}); v != frag.Duplicate {
				t.Fatalf("again: %v", v)
			}
			after := g.r.Stats()
			before.Fragments++
			before.Dropped[frag.Duplicate]++
			if before != after {
				t.Fatalf("before %+v\nafter %+v", before, after)
			}
		}
		if g.piece(&flow4, s[len(s)-1]) == nil {
			t.Fatal("not delivered")
		}
		g.checkBooks()
	}
}

// TestHashSeedDoesNotShow: two Reassemblers, with seeds of their own,
// give the same output and the same counts.
func TestHashSeedDoesNotShow(t *testing.T) {
	r := rand.New(rand.NewPCG(newSeed(t), 15))
	gen := script.Generator{Rand: r}
	a, b := newRig(t, nil), newRig(t, nil)
	for range 500 {
		f := flow(4 + 2*r.IntN(2))
		f.ID = uint32(1 + r.IntN(30))
		s := gen.Script()
		if got, want := show(a.play(f, s)), show(b.play(f, s)); got != want {
			t.Fatalf("%s and %s", got, want)
		}
		a.now += int64(r.IntN(int(second)))
		b.now = a.now
		if a.r.Stats() != b.r.Stats() {
			t.Fatalf("%+v\n%+v", a.r.Stats(), b.r.Stats())
		}
	}
	a.checkBooks()
	b.checkBooks()
}

// TestWorkIsBounded: the list that is searched for every fragment has at
// most half as many spans as there may be fragments, even of datagrams that are
// all holes.
func TestWorkIsBounded(t *testing.T) {
	g := newRig(t, nil)
	for off := 8 * 1000; off >= 8; off -= 16 {
		v, _, _ := g.feed(flow4.Append(nil, script.Piece{Off: off, Len: 8, More: true}), frag.Meta{})
		if n := g.r.MostSpans(); n > 64 {
			t.Fatalf("%d spans", n)
		}
		if v != frag.Held && v != frag.TooMany {
			t.Fatal(v)
		}
	}
	if g.r.Stats().Dropped[frag.TooMany] == 0 {
		t.Error("the limit was never reached")
	}
	g.checkBooks()
}

// TestInputIsNotKept: what Feed was given can be overwritten afterwards.
func TestInputIsNotKept(t *testing.T) {
	g := newRig(t, nil)
	var b []byte
	for _, text := range []string{"32+8C", "0+16MA", "16+16MB"} {
		b = flow4.Append(b[:0], script.MustParse(text)[0])
		_, out, _ := g.feed(b, frag.Meta{})
		clear(b)
		if out != nil && script.Units(out[20:]) != "AABBC" {
			t.Error(script.Units(out[20:]))
		}
	}
	g.checkBooks()
}
