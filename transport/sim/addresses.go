// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import "slices"

// A set of addresses. Most nodes have a few, which are found faster, and with
// fewer cache misses, one after the other than in a map.
type set[K comparable] struct {
	list  []K
	index map[K]struct{} // if there are more than a few
}

const few = 8

func (s *set[K]) add(k K) {
	if s.has(k) {
		return
	}
	s.list = append(s.list, k)
	switch {
	case s.index != nil:
		s.index[k] = struct{}{}
	case len(s.list) > few:
		s.index = make(map[K]struct{}, len(s.list))
		for _, k := range s.list {
			s.index[k] = struct{}{}
		}
	}
}

func (s *set[K]) has(k K) bool {
	if s.index == nil {
		return slices.Contains(s.list, k)
	}
	_, ok := s.index[k]
	return ok
}
