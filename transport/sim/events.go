// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

// A source has at most one event in the heap.
type source struct {
	pos  int // in the heap, 1 and up; 0: not in it
	kind sourceKind

	dir *direction // sourcePipe
	t   *Transport // sourceTimer, sourceStamp

	timer *Timer // sourceFunc

	stamp  sent    // sourceStamp
	action func()  // sourceAction
	asking *asking // sourceAsking
}

type sourceKind uint8

const (
	sourcePipe   sourceKind = iota // something happens on a direction
	sourceTimer                    // a stepper wanted to be called now
	sourceStamp                    // a packet leaves whose stamp was asked for
	sourceFunc                     // a Timer expires, see loop
	sourceAction                   // a function of the program's is called, see act
	sourceAsking                   // a kernel has waited long enough for a neighbour
)

// schedule makes s happen at the given time, after all that is to happen at
// the same time already.
func (n *Network) schedule(s *source, at int64) {
	n.seq++
	n.heap.set(s, at, n.seq)
}

// fire makes the earliest event happen, which calls no function of the
// program's. n.now is its time.
func (n *Network) fire() {
	s := n.heap.top().src
	switch s.kind {
	case sourcePipe:
		s.dir.next()
	case sourceTimer:
		n.heap.remove(s)
		s.t.q.expired = true
		s.t.ready()
	case sourceStamp:
		n.heap.remove(s)
		t, st := s.t, s.stamp
		n.release(s)
		t.stamped(st, n.now)
	case sourceAsking:
		n.heap.remove(s)
		s.asking.end()
	}
}

// take returns an unused source of the given kind.
func (n *Network) take(kind sourceKind) *source {
	if k := len(n.pool) - 1; k >= 0 {
		s := n.pool[k]
		n.pool = n.pool[:k]
		s.kind = kind
		return s
	}
	return &source{kind: kind}
}

func (n *Network) release(s *source) {
	*s = source{}
	n.pool = append(n.pool, s)
}
