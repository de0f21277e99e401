// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

// run has a packet go on from the stage it is at. Passed means that it is
// through all stages, and has not been parked.
func (x *Pipe[M]) run(f *flight[M]) Outcome {
	p := f.prog
	c := &p.core
	for int(f.next) < len(p.stages) {
		s := p.stages[f.next]
		if f.at > c.now && s.timed() {
			x.park(f)
			return Kept
		}
		v := s.pass(&f.unit, c)
		f.next++
		if c.events != 0 {
			x.notes(f)
		}
		switch v {
		case gone:
			x.end(f, c.fate)
			return Gone
		case keep:
			x.hold(f)
			return Kept
		case double:
			x.double(f)
		}
	}
	return Passed
}

// double makes a copy, which goes on when f is done with.
func (x *Pipe[M]) double(f *flight[M]) {
	c := &f.prog.core
	d := x.take()
	*d = *f
	d.copies |= 1 << c.branch
	d.data = x.carrier.Get(len(f.data))
	copy(d.data, f.data)
	d.own, d.lent = true, false
	if c.delay > 0 {
		d.at = addTime(d.at, c.delay)
		d.late = true
	}
	x.note(Duplicated, d)
	x.pending = append(x.pending, d)
}

// follow has everything go on that had to wait for the packet at work.
func (x *Pipe[M]) follow(now int64) {
	x.copies(now)
	for i := range x.holds {
		x.release(i, now)
	}
}

// copies has the copies go on.
func (x *Pipe[M]) copies(now int64) {
	for len(x.pending) > 0 {
		f := x.pending[0]
		x.pending = append(x.pending[:0], x.pending[1:]...)
		x.finish(f, now)
	}
}

// finish runs a packet and parks it where it comes out.
func (x *Pipe[M]) finish(f *flight[M], now int64) {
	f.prog.core.now = now
	if x.run(f) == Passed {
		x.park(f)
	}
}

// end ends a packet; f is no longer valid.
func (x *Pipe[M]) end(f *flight[M], fate Fate) {
	x.tell(fate, f)
	if f.copies == 0 {
		x.stats.InFlight--
		x.stats.count(fate)
	}
	if f.own && !f.lent {
		x.carrier.Put(f.data)
	}
	x.give(f)
}

// note counts and tells what befell a packet that goes on.
func (x *Pipe[M]) note(fate Fate, f *flight[M]) {
	x.stats.count(fate)
	x.tell(fate, f)
}

func (x *Pipe[M]) tell(fate Fate, f *flight[M]) {
	f.show(&x.noted)
	x.carrier.Note(fate, &x.noted)
}

// notes tells all that the last stage noted.
func (x *Pipe[M]) notes(f *flight[M]) {
	c := &f.prog.core
	for fate := Duplicated; fate < numFates; fate++ {
		if c.events>>fate&1 != 0 {
			x.note(fate, f)
		}
	}
	c.events = 0
}

func (x *Pipe[M]) delivered(f *flight[M]) {
	if f.copies == 0 {
		x.stats.InFlight--
		x.stats.Delivered++
	}
}

// show makes p the packet that f is.
func (f *flight[M]) show(p *Packet[M]) {
	p.Time, p.Number, p.Copy, p.Data, p.Meta = f.at, f.number, f.copies, f.data, f.meta
}
