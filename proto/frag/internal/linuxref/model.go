// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package linuxref

import "slices"

// Rules are departures from the kernel.
type Rules uint8

// The rules.
const (
	// UnionDuplicates: a fragment whose bytes are all held is a duplicate even
	// if they arrived out of order. The kernel sees an overlap.
	UnionDuplicates Rules = 1 << iota

	// Recheck: a duplicate that tells where the datagram ends can complete it.
	// The kernel does not look.
	Recheck

	// EmptyAlone: a fragment without data is dropped alone. The kernel drops
	// the datagram.
	EmptyAlone

	// RefuseOdd: an IPv4 fragment that is not the last is dropped if its length
	// is no multiple of eight. The kernel shortens it.
	RefuseOdd

	// RefuseLong: an IPv4 fragment that ends beyond the largest datagram is
	// dropped at once. The kernel holds it, and drops the datagram at its end.
	RefuseLong

	// Defaults are the rules that package frag follows by default.
	Defaults = UnionDuplicates | Recheck | EmptyAlone | RefuseOdd | RefuseLong
)

type fragment struct {
	off  int
	data []byte
}

// A run is what the kernel keeps in one node of its tree: fragments that
// arrived in order, each starting where the one before ended.
type run struct {
	start, end int
	list       []fragment
}

// A Model reassembles the fragments of one identification.
type Model struct {
	family int
	rules  Rules

	last        bool
	total, have int
	runs        []run
}

// New returns a model for IPv4 (4) or IPv6 (6) with the given rules.
func New(family int, rules Rules) *Model { return &Model{family: family, rules: rules} }

func (m *Model) reset() { *m = Model{family: m.family, rules: m.rules} }

// Feed takes in a fragment. It returns the payload of the datagram if that is
// complete, in memory of its own, otherwise nil; and the rules that made a
// difference.
func (m *Model) Feed(off int, data []byte, more bool) (out []byte, fired Rules) {
	end := off + len(data)
	v6 := m.family == 6
	if v6 && (off == 0 && len(data) == 0 || end > 65535 || more && end%8 != 0) {
		return nil, 0 // refused, with an ICMP error, before its datagram is looked up
	}
	if !v6 && end > 65515 && m.rules&RefuseLong != 0 {
		return nil, RefuseLong
	}
	if !v6 && more && end%8 != 0 {
		if m.rules&RefuseOdd != 0 {
			return nil, RefuseOdd
		}
		end -= end % 8
		data = data[:end-off]
	}
	if end == off && m.rules&EmptyAlone != 0 {
		return nil, EmptyAlone
	}
	if more {
		if m.last && end > m.total {
			m.reset()
			return nil, 0
		}
		m.total = max(m.total, end)
	} else {
		if end < m.total || m.last && end != m.total {
			m.reset()
			return nil, 0
		}
		m.last, m.total = true, end
	}
	if end == off {
		m.reset()
		return nil, 0
	}
	duplicate, ok, fired := m.insert(fragment{off, slices.Clone(data)})
	switch {
	case !ok:
		m.reset()
		return nil, fired
	case duplicate && m.rules&Recheck == 0:
		return nil, fired
	case !m.last || m.have != m.total:
		return nil, fired
	}
	if duplicate {
		fired |= Recheck
	}
	for _, r := range m.runs {
		for _, f := range r.list {
			out = append(out, f.data...)
		}
	}
	m.reset()
	if limit := map[bool]int{false: 65515, true: 65535}[v6]; len(out) > limit {
		return nil, fired
	}
	return out, fired
}

// insert puts f where it belongs, unless it is a duplicate; ok is false if it
// overlaps what is there.
func (m *Model) insert(f fragment) (duplicate, ok bool, fired Rules) {
	end := f.off + len(f.data)
	n := run{f.off, end, []fragment{f}}
	tail := 0
	if len(m.runs) > 0 {
		tail = m.runs[len(m.runs)-1].end
	}
	if f.off >= tail {
		m.have += len(f.data)
		if len(m.runs) > 0 && f.off == tail {
			r := &m.runs[len(m.runs)-1]
			r.end = end
			r.list = append(r.list, f)
			return false, true, 0
		}
		m.runs = append(m.runs, n)
		return false, true, 0
	}
	for i, r := range m.runs {
		switch {
		case end <= r.start:
			m.have += len(f.data)
			m.runs = slices.Insert(m.runs, i, n)
			return false, true, 0
		case f.off >= r.end:
			continue
		case f.off >= r.start && end <= r.end:
			return true, true, 0
		case m.rules&UnionDuplicates != 0 && m.holds(f.off, end):
			return true, true, UnionDuplicates
		}
		return false, false, 0
	}
	panic("linuxref: runs out of order")
}

// holds reports whether every byte of the range is held.
func (m *Model) holds(start, end int) bool {
	for _, r := range m.runs {
		if r.start <= start && start < r.end {
			start = r.end
		}
	}
	return start >= end
}
