// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

// An event is something that will happen at a time, to its source.
type event struct {
	at  int64  // Unix nanoseconds
	seq uint64 // order of events at the same time
	src *source
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.seq < o.seq
}

// A heap holds the events, the earliest on top: four children per node, since
// a shallow tree touches fewer cache lines on the way down. Element 0 is not
// used, so that pos 0 can mean absence.
type heap struct {
	ev []event
}

func (h *heap) len() int { return max(0, len(h.ev)-1) }

func (h *heap) top() *event { return &h.ev[1] }

// when returns the time of s; 0 if it is not in the heap.
func (h *heap) when(s *source) int64 {
	if s.pos == 0 {
		return 0
	}
	return h.ev[s.pos].at
}

// set puts s at its new time, whether or not it is in the heap.
func (h *heap) set(s *source, at int64, seq uint64) {
	e := event{at, seq, s}
	if s.pos == 0 {
		if len(h.ev) == 0 {
			h.ev = append(h.ev, event{})
		}
		h.ev = append(h.ev, e)
		h.up(len(h.ev)-1, e)
		return
	}
	if e.before(&h.ev[s.pos]) {
		h.up(s.pos, e)
	} else {
		h.down(s.pos, e)
	}
}

// remove takes s out, if it is in.
func (h *heap) remove(s *source) {
	i := s.pos
	if i == 0 {
		return
	}
	s.pos = 0
	last := len(h.ev) - 1
	e := h.ev[last]
	h.ev[last] = event{}
	h.ev = h.ev[:last]
	if i == last {
		return
	}
	if i > 1 && e.before(&h.ev[parent(i)]) {
		h.up(i, e)
	} else {
		h.down(i, e)
	}
}

func parent(i int) int { return (i-2)/4 + 1 }

// up places e at i or above; what is at i is overwritten.
func (h *heap) up(i int, e event) {
	for i > 1 {
		p := parent(i)
		if !e.before(&h.ev[p]) {
			break
		}
		h.ev[i] = h.ev[p]
		h.ev[i].src.pos = i
		i = p
	}
	h.ev[i] = e
	e.src.pos = i
}

// down places e at i or below; what is at i is overwritten.
func (h *heap) down(i int, e event) {
	for {
		c := 4*i - 2
		if c >= len(h.ev) {
			break
		}
		least := c
		for j := c + 1; j < min(c+4, len(h.ev)); j++ {
			if h.ev[j].before(&h.ev[least]) {
				least = j
			}
		}
		if !h.ev[least].before(&e) {
			break
		}
		h.ev[i] = h.ev[least]
		h.ev[i].src.pos = i
		i = least
	}
	h.ev[i] = e
	e.src.pos = i
}
