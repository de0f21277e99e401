// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"protean/proto/frag"
	"protean/proto/wire"
)

// TestChaosWithoutChaos is a Splitter, but for the order if that is asked for.
func TestChaosWithoutChaos(t *testing.T) {
	p := packet4(t, 9000, nil)
	want, err := cutUp(t, new(frag.Splitter), p, 1500, 1, frag.SplitConfig{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []*frag.Chaos{{Rand: r}, {Rand: r, Reverse: true}, {Rand: r, Shuffle: true}} {
		got, err := cutUp(t, c, p, 1500, 1, frag.SplitConfig{})
		if err != nil {
			t.Fatal(err)
		}
		checkPieces(t, got, 1500)
		if sorted := slices.IsSortedFunc(got, func(a, b []byte) int {
			return wire.IPv4(a).FragmentOffset() - wire.IPv4(b).FragmentOffset()
		}); sorted == (c.Reverse || c.Shuffle) {
			t.Errorf("in order: %v with %+v", sorted, c)
		}
		slices.SortFunc(got, func(a, b []byte) int { return wire.IPv4(a).FragmentOffset() - wire.IPv4(b).FragmentOffset() })
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("other fragments with %+v", c)
		}
	}
	if out, err := cutUp(t, &frag.Chaos{Rand: r, Drop: 1}, p[:0:0], 1500, 1, frag.SplitConfig{}); err == nil || out != nil {
		t.Error("no packet, no error")
	}
	small := packet4(t, 100, nil)
	if out, err := cutUp(t, &frag.Chaos{Rand: r, Drop: 1, Duplicate: 1}, small, 1500, 1, frag.SplitConfig{}); err != nil || len(out) != 1 || !bytes.Equal(out[0], small) {
		t.Errorf("a packet that fits: %d fragments, %v", len(out), err)
	}
}

// TestChaosDoesWhatItSays: each change alone, to every fragment.
func TestChaosDoesWhatItSays(t *testing.T) {
	const n = 4 // fragments of 5920 bytes
	p := packet4(t, n*1480, nil)
	r := rand.New(rand.NewPCG(2, 2))
	for _, c := range []struct {
		name  string
		c     frag.Chaos
		count int
		check func(i int, ip wire.IPv4) bool
	}{
		{"drop", frag.Chaos{Drop: 1}, 0, nil},
		{"duplicate", frag.Chaos{Duplicate: 1}, 2 * n, func(i int, ip wire.IPv4) bool {
			return ip.FragmentOffset() == i/2*1480 && len(ip.Payload()) == 1480
		}},
		{"overlap", frag.Chaos{Overlap: 1}, 2 * n, func(i int, ip wire.IPv4) bool {
			from, to := max(0, i/2*1480-8), min(n*1480, (i/2+1)*1480+8)
			return i%2 == 0 || ip.FragmentOffset() == from && len(ip.Payload()) == to-from
		}},
		{"odd length", frag.Chaos{OddLength: 1}, n, func(i int, ip wire.IPv4) bool {
			return len(ip.Payload())%8 != 0 && len(ip.Payload()) > 1472
		}},
		{"wrong last", frag.Chaos{WrongLast: 1}, n, func(i int, ip wire.IPv4) bool {
			return ip.MoreFragments() == (i == n-1)
		}},
		{"garble", frag.Chaos{Duplicate: 1, Garble: true}, 2 * n, func(i int, ip wire.IPv4) bool {
			want := p[20+i/2*1480]
			if i%2 == 1 {
				want ^= 0xff
			}
			return ip.Payload()[0] == want
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.c.Rand = r
			out, err := cutUp(t, &c.c, p, 1500, 1, frag.SplitConfig{})
			if err != nil || len(out) != c.count {
				t.Fatalf("%d fragments, want %d; %v", len(out), c.count, err)
			}
			for i, b := range out {
				ip, bad := wire.ParseIPv4(b)
				if bad != wire.NotMalformed || !c.check(i, ip) {
					t.Errorf("fragment %d: %v, offset %d, %d bytes", i, bad, ip.FragmentOffset(), len(ip.Payload()))
				}
			}
		})
	}
}

// TestChaosAgreesWithTheOracles: what a Chaos sends, the Reassembler takes as
// the oracles do, under all policies and for both families.
func TestChaosAgreesWithTheOracles(t *testing.T) {
	r := rand.New(rand.NewPCG(newSeed(t), 3))
	delivered, lost := 0, 0
	for range 400 {
		c := frag.Chaos{Rand: r, Reverse: r.IntN(3) == 0, Shuffle: r.IntN(3) == 0, Garble: r.IntN(2) == 0}
		for _, p := range []*float64{&c.Drop, &c.Duplicate, &c.Overlap, &c.OddLength, &c.WrongLast} {
			if r.IntN(3) == 0 {
				*p = 0.05
			}
		}
		family := 4 + 2*r.IntN(2)
		p, hdr := packet4(t, 2000+r.IntN(3000), nil), 20
		if family == 6 {
			p, hdr = packet6(t, 2000+r.IntN(3000), nil), 48
		}
		out, err := cutUp(t, &c, p, 400, 5, frag.SplitConfig{AnyMTU: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, policy := range policies {
			g, o := newRig(t, unlimited(policy)), newOracle(family, policy)
			for i, b := range out {
				ip := wire.IPv4(b)
				off, more := ip.FragmentOffset(), ip.MoreFragments()
				if family == 6 {
					h := wire.IPv6Fragment(b[40:])
					off, more = h.Offset(), h.More()
				}
				v, got, _ := g.feed(b, frag.Meta{})
				if v == frag.Whole {
					continue
				}
				want := o.Feed(off, b[hdr:], more)
				if (got == nil) != (want == nil) || got != nil && !bytes.Equal(got[len(got)-len(want):], want) {
					t.Fatalf("%v, IPv%d: differs at fragment %d of %d, verdict %v", policy, family, i, len(out), v)
				}
				if got != nil {
					delivered++
				}
			}
			if g.r.Stats().Datagrams == 0 {
				lost++
			}
			g.checkBooks()
		}
	}
	if delivered == 0 || lost == 0 {
		t.Errorf("%d delivered, %d lost: not much chaos", delivered, lost)
	}
}
