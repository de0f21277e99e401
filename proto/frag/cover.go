// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import "slices"

// A span is a range of bytes of a datagram that are held.
type span struct{ start, end uint32 }

const (
	fewSpans   = len(entry{}.few)
	firstSpill = 64 // spans; what an entry needs at most by default
	spanBytes  = 8
)

// spansOf returns the spans of e: sorted, apart from each other, and merged
// where they touch, but for what the Linux policy keeps apart.
func (r *Reassembler) spansOf(e *entry) []span {
	if e.spill == 0 {
		return e.few[:e.spans]
	}
	return r.spills[e.spill-1][:e.spans]
}

// A fit says how a fragment relates to what is held.
type fit uint8

const (
	fresh  fit = iota // none of it is held
	inside            // all of it is held
	across            // some of it is held
)

// place returns how the range relates to what e holds, and the first span that
// ends behind its start. The end of the list comes first, where the next
// fragment belongs if they arrive in order.
func (r *Reassembler) place(e *entry, start, end uint32) (fit, int) {
	s := r.spansOf(e)
	i := len(s)
	if i > 0 && s[i-1].end > start {
		i = 0
		for n := len(s) - 1; i < n; {
			if mid := (i + n) / 2; s[mid].end > start {
				n = mid
			} else {
				i = mid + 1
			}
		}
	}
	switch {
	case i == len(s) || s[i].start >= end:
		return fresh, i
	case s[i].start <= start && end <= s[i].end:
		return inside, i
	}
	return across, i
}

// cover adds a range to what e holds; i is from place. It reports false if
// there would be more spans than can ever join within the limit on fragments.
func (r *Reassembler) cover(e *entry, start, end uint32, i int) bool {
	s := r.spansOf(e)
	if r.cfg.Policy == Linux {
		if i == len(s) && i > 0 && s[i-1].end == start {
			s[i-1].end = end
			e.have += end - start
			return true
		}
		return r.insert(e, span{start, end}, i)
	}
	if i > 0 && s[i-1].end == start {
		i--
	}
	j := i
	n := span{start, end}
	for ; j < len(s) && s[j].start <= end; j++ {
		n.start, n.end = min(n.start, s[j].start), max(n.end, s[j].end)
		e.have -= s[j].end - s[j].start
	}
	if i == j {
		return r.insert(e, n, i)
	}
	s[i] = n
	e.have += n.end - n.start
	e.spans -= uint16(j - i - 1)
	copy(s[i+1:], s[j:])
	return true
}

// insert adds a span that touches no other, at index i.
func (r *Reassembler) insert(e *entry, n span, i int) bool {
	most := (r.cfg.MaxFragments + 1) / 2
	if r.cfg.Policy == Linux {
		most = r.cfg.MaxFragments
	}
	k := int(e.spans)
	if k >= most {
		return false
	}
	e.have += n.end - n.start
	e.spans++
	if e.spill == 0 && k < fewSpans {
		copy(e.few[i+1:], e.few[i:k])
		e.few[i] = n
		return true
	}
	if e.spill == 0 {
		e.spill = r.newSpill()
		s := &r.spills[e.spill-1]
		*s = append((*s)[:0], e.few[:k]...)
		r.charge(e, cap(*s)*spanBytes)
	}
	s := &r.spills[e.spill-1]
	size := cap(*s)
	*s = slices.Insert((*s)[:k], i, n)
	if grown := cap(*s) - size; grown > 0 {
		r.charge(e, grown*spanBytes)
	}
	return true
}

// newSpill returns the index of an empty list of spans, plus one.
func (r *Reassembler) newSpill() uint32 {
	n := len(r.freeSpills)
	if n == 0 {
		r.spills = append(r.spills, make([]span, 0, firstSpill))
		return uint32(len(r.spills))
	}
	i := r.freeSpills[n-1]
	r.freeSpills = r.freeSpills[:n-1]
	if r.spills[i-1] == nil {
		r.spills[i-1] = make([]span, 0, firstSpill)
	}
	return i
}

// releaseSpill gives a list back. One that has grown is not used again, since
// whoever got it next would be charged for its capacity.
func (r *Reassembler) releaseSpill(i uint32) {
	if cap(r.spills[i-1]) > firstSpill {
		r.spills[i-1] = nil
	}
	r.freeSpills = append(r.freeSpills, i)
}
