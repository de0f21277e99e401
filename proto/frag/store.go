// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// keep stores the data of a fragment that e covers now.
func (r *Reassembler) keep(i uint32, f *fragment, m *Meta) Verdict {
	e := &r.entries[i]
	src := f.data()
	first := f.off == 0 && e.first == 0
	if first {
		src = f.b[:f.hdr+len(src)]
	}
	in := r.inPlace.entry == i
	if in {
		if r.inPlace.idle = 0; !f.fits() {
			r.settle()
			in = false
		}
	} else {
		r.inPlace.idle++
	}
	head, cost, ok := r.take(i, len(src))
	if !ok {
		r.drop(i, NoMemory)
		return NoMemory
	}
	if in {
		r.inPlace.put(f)
	} else {
		r.arena.write(head, src)
	}
	p := r.newPiece()
	r.pieces[p] = piece{off: uint16(f.off), n: uint16(f.end - f.off), chunk: head}
	if e.tail != 0 {
		r.pieces[e.tail].next = p
	} else {
		e.head = p
	}
	e.tail = p
	e.fragments++
	r.held++
	if first {
		e.first, e.hdr = p, uint16(f.hdr)
		e.ifindex, e.cookie = m.IfIndex, m.Cookie
	}
	r.charge(e, cost+pieceBytes)
	if r.cfg.Policy != Linux && !r.trim(i) {
		r.drop(i, NoMemory)
		r.stats.Dropped[NoMemory]-- // Feed counts this fragment
		return NoMemory
	}
	return Held
}

func (r *Reassembler) newPiece() uint32 {
	if p := r.freePiece; p != 0 {
		r.freePiece = r.pieces[p].next
		return p
	}
	if len(r.pieces) == 0 {
		r.pieces = append(r.pieces, piece{})
	}
	r.pieces = append(r.pieces, piece{})
	return uint32(len(r.pieces) - 1)
}

// take returns chunks for n bytes of entry i, dropping other datagrams if there is
// no room, and what they are to be charged with.
func (r *Reassembler) take(i uint32, n int) (head chunk, cost int, ok bool) {
	var tail chunk
	for n > 0 {
		c := r.arena.take(n)
		if c == 0 {
			if r.cfg.Policy != Linux && r.evict(i, memory) {
				continue
			}
			r.arena.release(head)
			return 0, 0, false
		}
		if tail == 0 {
			head = c
		} else {
			r.arena.join(tail, c)
		}
		tail = c
		size := r.arena.size(c)
		n -= size
		cost += size
	}
	return head, cost, true
}
