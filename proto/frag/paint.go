// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// paint copies the data to out, with the policy deciding between pieces that
// overlap. All edges but the end of the datagram, where all pieces end that
// reach so far, are at multiples of eight bytes: those are what the policy
// decides about.
func (r *Reassembler) paint(e *entry, f *fragment, out []byte) {
	size := 0
	for p := e.head; p != 0; p = r.pieces[p].next {
		size += int(r.pieces[p].n)
	}
	if f != nil {
		size += f.end - f.off
	}
	if size == len(out) {
		r.gather(e, f, out) // no two overlap
		return
	}
	if r.owner == nil {
		r.owner = make([]uint32, (0xffff+8)/8)
	}
	owner := r.owner[:(len(out)+7)/8]
	clear(owner)
	for p := e.head; p != 0; p = r.pieces[p].next {
		off := int(r.pieces[p].off)
		skip := -off
		if p == e.first {
			skip += int(e.hdr)
		}
		r.claim(owner, p, off, off+int(r.pieces[p].n), func(from, to int) {
			to = min(to, len(out))
			r.arena.read(r.pieces[p].chunk, skip+from, out[from:to])
		})
	}
	if f != nil {
		r.claim(owner, 0, f.off, f.end, func(from, to int) {
			to = min(to, len(out))
			copy(out[from:to], f.data()[from-f.off:])
		})
	}
}

// claim makes p the owner of the units that the policy gives it, and calls won
// with each range of bytes of them.
func (r *Reassembler) claim(owner []uint32, p uint32, off, end int, won func(from, to int)) {
	from := -1
	for u := off / 8; u*8 < end; u++ {
		o := owner[u]
		take := o == 0
		if !take {
			old := &r.pieces[o]
			take = r.cfg.Policy.takes(off, end, int(old.off), int(old.off)+int(old.n))
		}
		switch {
		case take && from < 0:
			from = u * 8
		case !take && from >= 0:
			won(from, u*8)
			from = -1
		}
		if take {
			owner[u] = p
		}
	}
	if from >= 0 {
		won(from, (end+7)&^7)
	}
}
