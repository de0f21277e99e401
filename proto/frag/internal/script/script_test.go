// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package script

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"protean/proto/wire"
)

func TestParseReadsWhatStringWrites(t *testing.T) {
	g := Generator{Rand: rand.New(rand.NewPCG(1, 1))}
	for range 300 {
		s := g.Script()
		s = append(s, Piece{8, 16, false, 'M'}, Piece{8, 16, true, 'M'}, Piece{0, 0, true, 0})
		got, err := Parse(s.String())
		if err != nil || !slices.Equal(got, s) {
			t.Fatalf("%v: %v, %v", s, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"x", "8", "8+", "8+8", "8+8M", "8+8MAB", "8+8M#", "8+8M#zz", "-+8A", "8+8M#100"} {
		if s, err := Parse(text); err == nil {
			t.Errorf("%q: %v", text, s)
		}
	}
}

// TestGenerator: equal seeds give equal scripts, every piece can be a packet of
// either family, and the scripts are of all sorts.
func TestGenerator(t *testing.T) {
	a, b := Generator{Rand: rand.New(rand.NewPCG(5, 5))}, Generator{Rand: rand.New(rand.NewPCG(5, 5))}
	f4 := Flow{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2")}
	f6 := Flow{Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2")}
	var clean, large, odd, empty int
	for range 20000 {
		s := a.Script()
		if !slices.Equal(s, b.Script()) {
			t.Fatal("equal seeds, different scripts")
		}
		end := 0
		for _, p := range s {
			if _, bad := wire.ParseIPv4(f4.Append(nil, p)); bad != wire.NotMalformed {
				t.Fatalf("%v: %v", p, bad)
			}
			if _, bad := wire.ParseIPv6(f6.Append(nil, p)); bad != wire.NotMalformed {
				t.Fatalf("%v: %v", p, bad)
			}
			if p.More && p.Len%8 != 0 {
				odd++
			}
			if p.Len == 0 {
				empty++
			}
			if p.Off == end {
				end += p.Len
			}
			if p.Off > 50000 {
				large++
			}
		}
		if n := len(s); n > 0 && end == s[n-1].Off+s[n-1].Len && !s[n-1].More {
			clean++
		}
	}
	if clean < 2000 || large == 0 || odd == 0 || empty == 0 {
		t.Errorf("%d clean scripts; %d large offsets, %d odd, %d empty pieces", clean, large, odd, empty)
	}
}

func TestShrink(t *testing.T) {
	s := MustParse("0+8MA 8+8MB 16+8MC 24+8MD 32+8ME 40+8F")
	got := Shrink(s, func(s Script) bool {
		return slices.ContainsFunc(s, func(p Piece) bool { return p.Fill == 'B' }) &&
			slices.ContainsFunc(s, func(p Piece) bool { return p.Fill == 'E' })
	})
	if got.String() != "8+8MB 32+8ME" {
		t.Error(got)
	}
}

func TestUnits(t *testing.T) {
	if got := Units([]byte("AAAAAAAAABBBBBBBCC")); got != "A?C" {
		t.Error(got)
	}
}
