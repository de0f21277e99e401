// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import "testing"

func TestRandomNumbersAreThoseOfSplitMix64(t *testing.T) {
	// The first outputs for the seed 1234567, from the generator's reference
	// implementation.
	want := []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431}
	for k, w := range want {
		if got := stream(1234567).draw(0, k); got != w {
			t.Errorf("output %d is %d, want %d", k, got, w)
		}
	}
}

func TestRandomStreamsDiffer(t *testing.T) {
	seen := map[stream]bool{}
	n := 0
	for seed := range uint64(10) {
		for _, link := range []string{"", "a", "b", "ab"} {
			for _, back := range []bool{false, true} {
				s := newStream(seed<<60|seed, link, back)
				seen[s] = true
				for k := range uint64(1000) {
					seen[s.derive(k)] = true
				}
				n += 1001
			}
		}
	}
	if len(seen) != n {
		t.Errorf("%d different streams of %d", len(seen), n)
	}
	if stream(5).chance(0, 0, 0) || !stream(5).chance(1, 0, 0) {
		t.Errorf("certain things are left to chance")
	}
}

func TestRandomNumbersAreEvenAndIndependent(t *testing.T) {
	s := newStream(1, "l", false)
	const n = 200000
	var units []float64
	for i := range uint64(n) {
		units = append(units, s.unit(i, int(i%drawsPerPacket)))
	}
	even := func(x float64) float64 { return x }
	fits(t, "numbers", units, even)
	// The sum of two neighbours, modulo 1, is even if they are independent; so
	// is that of the same number in two stages.
	var sums, across []float64
	other := s.derive(1)
	for i := range uint64(n) {
		x := s.unit(i, 0) + s.unit(i+1, 0)
		y := s.unit(i, 0) + other.unit(i, 0)
		sums = append(sums, x-float64(int(x)))
		across = append(across, y-float64(int(y)))
	}
	fits(t, "neighbours", sums, even)
	fits(t, "stages", across, even)
}
