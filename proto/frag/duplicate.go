// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// wins reports whether a fragment whose bytes are all held can still change
// the datagram.
func (r *Reassembler) wins(f *fragment) bool {
	return r.cfg.Policy > First && f.end > f.off
}

// duplicate decides about a fragment whose bytes are all held.
func (r *Reassembler) duplicate(i uint32, f *fragment, hash uint32, m *Meta, d *Datagram) Verdict {
	e := &r.entries[i]
	if r.cfg.Duplicates != IgnoreDuplicates && r.cfg.Policy == Drop && !r.same(e, f) {
		if r.cfg.Duplicates == CompareDrop {
			r.refuse(i, Overlap)
			return Overlap
		}
		r.drop(i, Overlap)
		return r.start(f, hash, m)
	}
	// It may have told where the datagram ends, which is all that was missing.
	if e.last && e.have == e.total && r.cfg.Policy != Linux {
		v := r.finish(i, nil, d)
		if v == Complete {
			r.stats.Dropped[Duplicate]++
		}
		return v
	}
	return Duplicate
}

// same reports whether the data of f is what is held of that range.
func (r *Reassembler) same(e *entry, f *fragment) bool {
	data := f.data()
	for p := e.head; p != 0; p = r.pieces[p].next {
		off := int(r.pieces[p].off)
		end := off + int(r.pieces[p].n)
		from, to := max(f.off, off), min(f.end, end)
		if from >= to {
			continue
		}
		skip := from - off
		if p == e.first {
			skip += int(e.hdr)
		}
		if !r.arena.equal(r.pieces[p].chunk, skip, data[from-f.off:to-f.off]) {
			return false
		}
	}
	return true
}
