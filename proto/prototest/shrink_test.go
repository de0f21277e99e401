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
		need := slices.Clone(all[:r.IntN(min(len(all), 5))+1])
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		s := &shrinker[int]{left: 1e6, fails: func(part []int) bool {
			return !slices.ContainsFunc(need, func(n int) bool { return !slices.Contains(part, n) })
		}}
		few := s.ddmin(all)
		slices.Sort(few)
		slices.Sort(need)
		if !slices.Equal(few, need) {
			t.Fatalf("found %v, want %v of %d", few, need, len(all))
		}
		if calls := 1_000_000 - s.left; calls > 60+30*len(need)*len(need) {
			t.Errorf("%d calls for %d of %d", calls, len(need), len(all))
		}
	}
}

func TestDdminStopsWhenItHasRunOften(t *testing.T) {
	calls := 0
	s := &shrinker[int]{left: 10, fails: func(part []int) bool { calls++; return len(part) > 50 }}
	if few := s.ddmin(make([]int, 100)); calls != 10 || len(few) <= 50 {
		t.Errorf("%d calls, %d left", calls, len(few))
	}
}

func TestFewestTriesAllPartsThatAreSmaller(t *testing.T) {
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	seen := map[[3]int]bool{}
	s := &shrinker[int]{left: 1000, fails: func(part []int) bool {
		key := [3]int{-1, -1, -1}
		copy(key[:], part)
		if seen[key] {
			t.Fatalf("%v is tried twice", part)
		}
		seen[key] = true
		return slices.Equal(part, []int{2, 7, 9})
	}}
	few, least := s.fewest(all, all[:4])
	if !slices.Equal(few, []int{2, 7, 9}) || !least {
		t.Errorf("found %v, %v", few, least)
	}
	clear(seen)
	few, least = s.fewest(all, all[:3])
	if want := 10 + 45; !slices.Equal(few, all[:3]) || !least || len(seen) != want {
		t.Errorf("found %v, %v, tried %d of %d", few, least, len(seen), want)
	}
	s.left = 50
	clear(seen)
	if _, least = s.fewest(all, all[:3]); least {
		t.Error("says that it tried all")
	}
}
