// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDdminFindsWhatItTakes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		all := r.Perm(1 + r.IntN(200))
		need := slices.Clone(all[:r.IntN(min(len(all), 5)+1)])
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		calls := 0
		few, enough := ddmin(all, 1e6, func(part []int) bool {
			calls++
			return !slices.ContainsFunc(need, func(n int) bool { return !slices.Contains(part, n) })
		})
		slices.Sort(few)
		slices.Sort(need)
		if !slices.Equal(few, need) || !enough {
			t.Fatalf("found %v in %d calls, want %v of %d", few, calls, need, len(all))
		}
		if calls > 60+30*len(need)*len(need) {
			t.Errorf("%d calls for %d of %d", calls, len(need), len(all))
		}
	}
}

func TestDdminStopsWhenItHasRunOften(t *testing.T) {
	calls := 0
	few, enough := ddmin(make([]int, 100), 10, func(part []int) bool { calls++; return len(part) > 50 })
	if enough || calls != 10 || len(few) <= 50 {
		t.Errorf("%d calls, %d left, enough %v", calls, len(few), enough)
	}
}
