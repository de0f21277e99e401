// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import "slices"

// A shrinker looks for the fewest elements that fail, and counts what it tries.
type shrinker[T any] struct {
	fails func([]T) bool
	left  int // how often it may still be called
}

func (s *shrinker[T]) try(part []T) bool {
	s.left--
	return s.left >= 0 && s.fails(part)
}

// ddmin returns a part of all, which fails, of which no part fails that is
// smaller by one element: delta debugging (Zeller and Hildebrandt, "Simplifying
// and Isolating Failure-Inducing Input", 2002).
func (s *shrinker[T]) ddmin(all []T) []T {
	few := all
	for n := 2; len(few) > 1 && s.left > 0; {
		smaller := false
		for i := 0; i < n && !smaller; i++ {
			from, to := i*len(few)/n, (i+1)*len(few)/n
			if part := few[from:to]; n > 2 && s.try(part) { // of two halves, one is the rest of the other
				few, n, smaller = slices.Clone(part), 2, true
			} else if rest := slices.Concat(few[:from], few[to:]); s.try(rest) {
				few, n, smaller = rest, max(n-1, 2), true
			}
		}
		if !smaller {
			if n >= len(few) {
				break
			}
			n = min(2*n, len(few))
		}
	}
	return few
}

// fewest returns the smallest part of all that fails and is smaller than few,
// or else few, as far as all parts of a size can be tried. It says if they all
// were, so that there is no smaller one.
func (s *shrinker[T]) fewest(all, few []T) ([]T, bool) {
	for k := 1; k < len(few); k++ {
		if combinations(len(all), k) > s.left {
			return few, false
		}
		pick := make([]int, k)
		for i := range pick {
			pick[i] = i
		}
		for part := make([]T, k); ; {
			for i, j := range pick {
				part[i] = all[j]
			}
			if s.try(part) {
				return part, true
			}
			// The next choice, in lexical order.
			i := k - 1
			for i >= 0 && pick[i] == len(all)-k+i {
				i--
			}
			if i < 0 {
				break
			}
			for pick[i]++; i+1 < k; i++ {
				pick[i+1] = pick[i] + 1
			}
		}
	}
	return few, true
}

// combinations returns in how many ways k of n things can be chosen, or a
// number that is too large.
func combinations(n, k int) int {
	c := 1
	for i := range k {
		if c > 1<<30 {
			break
		}
		c = c * (n - i) / (i + 1)
	}
	return c
}
