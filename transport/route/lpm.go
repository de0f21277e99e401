// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"net/netip"
	"slices"
)

// An lpm finds the longest prefix that contains an address, by one map look-up
// for each length in use. It is not to be changed while it is read.
type lpm[T any] struct {
	lengths [2][]int // in use, by family, longest first
	m       map[netip.Prefix]T
}

func family(a netip.Addr) int {
	if a.Is6() {
		return 1
	}
	return 0
}

// set gives a prefix, which is masked, a value.
func (l *lpm[T]) set(p netip.Prefix, v T) {
	if l.m == nil {
		l.m = make(map[netip.Prefix]T)
	}
	l.m[p] = v
	n := &l.lengths[family(p.Addr())]
	i, found := slices.BinarySearchFunc(*n, p.Bits(), func(have, want int) int { return want - have })
	if !found {
		*n = slices.Insert(*n, i, p.Bits())
	}
}

// find returns the value of the longest prefix that contains a.
func (l *lpm[T]) find(a netip.Addr) (v T, found bool) {
	for _, bits := range l.lengths[family(a)] {
		p, _ := a.Prefix(bits)
		if v, found = l.m[p]; found {
			return v, true
		}
	}
	return v, false
}
