// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

// park keeps a packet until its time: in a ring with the others that keep their
// order, or in the heap if it keeps none.
func (x *Pipe[M]) park(f *flight[M]) {
	f.prog.core.writable(&f.unit)
	f.lent = false
	*x.seq++
	f.seq = *x.seq
	if !f.late && (x.ring.Len() == 0 || f.at >= (*x.ring.At(x.ring.Len() - 1)).at) {
		*x.ring.Add() = f
		return
	}
	x.pushLoose(f)
}

// Next returns when Fire is to be called, and the sequence number of what will
// happen then; false if nothing will.
func (x *Pipe[M]) Next() (at int64, seq uint64, ok bool) {
	if x.ring.Len() > 0 {
		f := *x.ring.At(0)
		at, seq, ok = f.at, f.seq, true
	}
	if x.orderly() {
		return at, seq, ok
	}
	return x.nextOfAll(at, seq, ok)
}

// orderly reports whether there are no packets but those in the ring.
func (x *Pipe[M]) orderly() bool { return len(x.loose) == 0 && len(x.holds) == 0 }

// nextOfAll is Next where the first in the ring need not be the next.
func (x *Pipe[M]) nextOfAll(at int64, seq uint64, ok bool) (int64, uint64, bool) {
	if len(x.loose) > 0 {
		if l := &x.loose[0]; !ok || l.before(at, seq) {
			at, seq, ok = l.at, l.seq, true
		}
	}
	for i := range x.holds {
		if h := &x.holds[i]; h.ring.Len() > 0 && (!ok || h.at < at || h.at == at && h.seq < seq) {
			at, seq, ok = h.at, h.seq, true
		}
	}
	return at, seq, ok
}

// Fire makes the first thing happen that is to happen next, at its time,
// whether or not that has come.
func (x *Pipe[M]) Fire() {
	if x.orderly() && x.ring.Len() > 0 {
		f := *x.ring.At(0)
		x.ring.Drop()
		x.due(f)
		return
	}
	at, seq, ok := x.Next()
	switch {
	case !ok:
		return
	case x.ring.Len() > 0 && (*x.ring.At(0)).seq == seq:
		f := *x.ring.At(0)
		x.ring.Drop()
		x.due(f)
	case len(x.loose) > 0 && x.loose[0].seq == seq:
		f := x.popLoose()
		x.due(f)
	default:
		x.follow(at)
	}
}

// due goes on with a packet that was parked.
func (x *Pipe[M]) due(f *flight[M]) {
	if int(f.next) < len(f.prog.stages) {
		f.late = false // what was to overtake it has
		x.finish(f, f.at)
		x.follow(f.at)
		return
	}
	x.delivered(f)
	f.show(&x.out)
	x.give(f)
	x.carrier.Arrive(&x.out)
}

// Clear empties the pipe; the carrier is told of each packet.
func (x *Pipe[M]) Clear() {
	for x.ring.Len() > 0 {
		f := *x.ring.At(0)
		x.ring.Drop()
		x.end(f, Cleared)
	}
	for len(x.loose) > 0 {
		f := x.popLoose()
		x.end(f, Cleared)
	}
	for i := range x.holds {
		h := &x.holds[i]
		for h.ring.Len() > 0 {
			f := *h.ring.At(0)
			h.ring.Drop()
			x.end(f, Cleared)
		}
		h.seq = 0
	}
	x.Reset()
}

// Reset has every stage begin anew, as if it had seen no packet, unless a stage
// holds packets. Packets on their way go on.
func (x *Pipe[M]) Reset() {
	for i := range x.holds {
		if x.holds[i].ring.Len() > 0 {
			return
		}
	}
	for _, s := range x.prog.stages {
		s.reset()
	}
}

// A looseRef is an element of the heap of packets that keep no order.
type looseRef[M any] struct {
	at  int64
	seq uint64
	f   *flight[M]
}

func (l *looseRef[M]) before(at int64, seq uint64) bool {
	return l.at < at || l.at == at && l.seq < seq
}

func (x *Pipe[M]) pushLoose(f *flight[M]) {
	h := append(x.loose, looseRef[M]{})
	x.loose = h
	k := len(h) - 1
	for k > 0 {
		p := (k - 1) / 2
		if h[p].before(f.at, f.seq) {
			break
		}
		h[k] = h[p]
		k = p
	}
	h[k] = looseRef[M]{f.at, f.seq, f}
}

func (x *Pipe[M]) popLoose() *flight[M] {
	h := x.loose
	f := h[0].f
	n := len(h) - 1
	last := h[n]
	h[n] = looseRef[M]{}
	h = h[:n]
	x.loose = h
	for k := 0; n > 0; {
		c := 2*k + 1
		if c+1 < n && h[c+1].before(h[c].at, h[c].seq) {
			c++
		}
		if c >= n || !h[c].before(last.at, last.seq) {
			h[k] = last
			break
		}
		h[k] = h[c]
		k = c
	}
	return f
}
