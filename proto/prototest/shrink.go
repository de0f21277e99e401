// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import "slices"

// ddmin returns a part of all, which fails, of which no part fails that is
// smaller by one element: delta debugging (Zeller and Hildebrandt, "Simplifying
// and Isolating Failure-Inducing Input", 2002). It calls fails at most most
// times, and says if that was not enough.
func ddmin[T any](all []T, most int, fails func([]T) bool) (few []T, enough bool) {
	few = slices.Clone(all)
	try := func(part []T) bool {
		most--
		return most >= 0 && fails(part)
	}
	if try(nil) {
		return nil, true
	}
	for n := 2; len(few) > 1 && most > 0; {
		smaller := false
		for i := 0; i < n && !smaller; i++ {
			from, to := i*len(few)/n, (i+1)*len(few)/n
			if part := few[from:to]; n > 2 && try(part) { // of two halves, one is the rest of the other
				few, n, smaller = slices.Clone(part), 2, true
			} else if rest := slices.Concat(few[:from], few[to:]); try(rest) {
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
	return few, most > 0
}
