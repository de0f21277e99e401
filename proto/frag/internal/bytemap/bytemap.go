// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package bytemap

// A Range is where a fragment lies: its first byte and the one behind its last.
type Range struct{ Start, End int }

// Rules tell, by policy name, whether a new fragment takes a byte from the old
// one that has it.
var rules = map[string]func(old, new Range) bool{
	"first":         func(old, new Range) bool { return false },
	"last":          func(old, new Range) bool { return true },
	"bsd":           func(old, new Range) bool { return !(old.Start <= new.Start) },
	"bsd-right":     func(old, new Range) bool { return !(old.Start > new.Start) },
	"linux-classic": func(old, new Range) bool { return !(old.Start < new.Start) },
	"windows":       func(old, new Range) bool { return new.Start < old.Start && new.End > old.End },
	"solaris":       func(old, new Range) bool { return new.Start < old.Start && new.End >= old.End },
}

// A Map is one datagram.
type Map struct {
	family int
	takes  func(old, new Range) bool

	bytes  []byte
	owner  []Range // End 0: nobody has the byte
	end    int     // where the datagram ends; -1: not known
	reach  int     // where the data ends so far
	filled int     // bytes that somebody has
}

// New returns a Map for IPv4 (4) or IPv6 (6) under the named policy.
func New(family int, policy string) *Map {
	m := &Map{family: family, takes: rules[policy]}
	if m.takes == nil {
		panic("bytemap: no policy " + policy)
	}
	m.reset()
	return m
}

func (m *Map) reset() { *m = Map{family: m.family, takes: m.takes, end: -1} }

// Feed takes in a fragment and returns the payload if it is complete, else nil.
func (m *Map) Feed(off int, data []byte, more bool) []byte {
	n := Range{off, off + len(data)}
	limit := 65515
	if m.family == 6 {
		limit = 65535
	}
	if len(data) == 0 || n.End > limit || more && n.End%8 != 0 {
		return nil
	}
	switch {
	case m.end >= 0 && (n.End > m.end || !more && n.End < m.end), !more && n.End < m.reach:
		m.reset()
		return nil
	case !more:
		m.end = n.End
	}
	m.reach = max(m.reach, n.End)
	for len(m.bytes) < m.reach {
		m.bytes = append(m.bytes, 0)
		m.owner = append(m.owner, Range{})
	}
	for i := n.Start; i < n.End; i++ {
		if m.owner[i].End == 0 {
			m.filled++
		} else if !m.takes(m.owner[i], n) {
			continue
		}
		m.bytes[i], m.owner[i] = data[i-off], n
	}
	if m.end < 0 || m.filled != m.end {
		return nil
	}
	out := m.bytes
	m.reset()
	return out
}
