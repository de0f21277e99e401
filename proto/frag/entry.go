// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// An entry is what is known of one incomplete datagram. Entries refer to each
// other, and to pieces, by index; index 0 is none.
type entry struct {
	key     key
	hash    uint32
	created int64 // on the Reassembler's clock

	older, younger uint32 // in order of arrival, per family
	ahead, behind  uint32 // in the queue of the cell, per stage
	cell           uint16
	stage          uint8
	dead           bool // a tombstone: dropped, but the key is remembered

	last bool   // the end is known: it is total
	ecn  uint8  // set of the codepoints seen, by bit
	hdr  uint16 // length of the header that the piece at offset 0 has in front

	total  uint32 // the end, or how far the data reaches so far
	have   uint32 // bytes covered
	charge uint32 // bytes of memory

	head, tail uint32 // pieces, in order of arrival
	first      uint32 // piece at offset 0
	fragments  uint16 // pieces held
	spans      uint16
	largest    uint16 // fragment, with its header
	largestDF  uint16 // of those with DF
	spill      uint32 // list of spans, if they are more than few; index plus one
	few        [4]span

	ifindex int32 // of the piece at offset 0, as is cookie
	cookie  uint64
}

// entryBytes is what an entry is charged with: itself and its slots in the
// table, of which there are up to four per entry.
const entryBytes = 176

// A piece is the data of one fragment. That at offset 0 has its header in
// front.
type piece struct {
	off   uint16
	n     uint16 // bytes of data
	chunk chunk
	next  uint32
}

// pieceBytes is what a piece is charged with besides its chunks.
const pieceBytes = 12

// A queue is a list of entries, the oldest first.
type queue struct{ head, tail uint32 }

// The stages of a datagram. One that has a single fragment is on probation; a
// second one that fits makes it a protected one, which a flood of single
// fragments does not displace.
const (
	probation = iota
	protected
	numStages
)

func (r *Reassembler) newEntry(f *fragment, hash uint32) uint32 {
	i := r.freeEntry
	if i != 0 {
		r.freeEntry = r.entries[i].ahead
		r.entries[i] = entry{}
	} else {
		if len(r.entries) == 0 {
			r.entries = append(r.entries, entry{})
		}
		r.entries = append(r.entries, entry{})
		i = uint32(len(r.entries) - 1)
	}
	e := &r.entries[i]
	e.key, e.hash, e.created = f.key, hash, r.clock
	e.cell = r.cellOf(&f.key)
	r.table.insert(r.entries, i)
	q := r.byAge(e)
	e.older = q.tail
	if q.tail != 0 {
		r.entries[q.tail].younger = i
	} else {
		q.head = i
	}
	q.tail = i
	r.enqueue(i, probation)
	r.charge(e, entryBytes)
	return i
}

// byAge returns the list of all entries of e's family, the oldest first. Since
// the time they have is the same and never extended, it is in order of expiry.
func (r *Reassembler) byAge(e *entry) *queue {
	if e.key.version == 6 {
		return &r.age[1]
	}
	return &r.age[0]
}

// discard frees an entry and all it holds.
func (r *Reassembler) discard(i uint32) {
	e := &r.entries[i]
	if r.recent == i {
		r.recent = 0
	}
	r.empty(e)
	r.charge(e, -entryBytes)
	r.dequeue(i)
	q := r.byAge(e)
	if e.older != 0 {
		r.entries[e.older].younger = e.younger
	} else {
		q.head = e.younger
	}
	if e.younger != 0 {
		r.entries[e.younger].older = e.older
	} else {
		q.tail = e.older
	}
	r.table.remove(r.entries, i)
	e.ahead = r.freeEntry
	r.freeEntry = i
}

// empty gives back all pieces of e and forgets what is known of its datagram,
// but not its key and its age.
func (r *Reassembler) empty(e *entry) {
	if in := &r.inPlace; in.entry != 0 && e == &r.entries[in.entry] {
		in.entry = 0
	}
	for p := e.head; p != 0; {
		pc := &r.pieces[p]
		r.arena.release(pc.chunk)
		next := pc.next
		pc.next = r.freePiece
		r.freePiece = p
		p = next
	}
	if e.spill != 0 {
		r.releaseSpill(e.spill)
	}
	r.charge(e, -(int(e.charge) - entryBytes))
	r.held -= int(e.fragments)
	e.last, e.ecn, e.total, e.have = false, 0, 0, 0
	e.first, e.hdr, e.fragments, e.head, e.tail = 0, 0, 0, 0, 0
	e.largest, e.largestDF, e.spans, e.spill = 0, 0, 0, 0
}

// drop counts the fragments held of an entry under v and discards it.
func (r *Reassembler) drop(i uint32, v Verdict) {
	if n := r.entries[i].fragments; n > 0 {
		r.stats.Dropped[v] += uint64(n)
		r.stats.Lost[v]++
	}
	r.discard(i)
}

// charge books n bytes on e, on its cell and on the whole.
func (r *Reassembler) charge(e *entry, n int) {
	e.charge = uint32(int(e.charge) + n)
	r.bytes += n
	r.cells[e.cell].bytes += n
	r.stageBytes[e.stage] += n
}
