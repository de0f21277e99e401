// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"fmt"
	"unsafe"
)

// Sizes that the accounting is about.
const (
	EntrySize = int(unsafe.Sizeof(entry{}))
	PieceSize = int(unsafe.Sizeof(piece{}))
	EntryCost = entryBytes
	PieceCost = pieceBytes
)

// Resident returns the bytes of all slabs, in use or not.
func (r *Reassembler) Resident() int { return len(r.arena.slabs) * slabBytes }

// Check compares every sum that is kept with what it is the sum of.
func (r *Reassembler) Check() error {
	total, held, chunks, pending := 0, 0, 0, 0
	var stages, counts [numStages]int
	var cells, cellCounts [numCells]int
	for family := range r.age {
		older := uint32(0)
		for i := r.age[family].head; i != 0; i = r.entries[i].younger {
			e := &r.entries[i]
			if e.older != older {
				return fmt.Errorf("entry %d: older is %d, not %d", i, e.older, older)
			}
			if older != 0 && r.entries[older].created > e.created {
				return fmt.Errorf("entry %d is out of order", i)
			}
			older = i
			if r.table.find(r.entries, e.hash, &e.key) != i {
				return fmt.Errorf("entry %d is not found by its key", i)
			}
			cost := entryBytes
			n := 0
			for p := e.head; p != 0; p = r.pieces[p].next {
				n++
				cost += pieceBytes
				for c := r.pieces[p].chunk; c != 0; {
					b, next := r.arena.bytes(c)
					cost += len(b)
					chunks += len(b)
					c = next
				}
			}
			if e.spill != 0 {
				cost += cap(r.spills[e.spill-1]) * spanBytes
			}
			if n != int(e.fragments) {
				return fmt.Errorf("entry %d: %d pieces, %d fragments", i, n, e.fragments)
			}
			if cost != int(e.charge) {
				return fmt.Errorf("entry %d: costs %d, charged %d", i, cost, e.charge)
			}
			have, reach := 0, uint32(0)
			for _, s := range r.spansOf(e) {
				if s.start >= s.end || s.start < reach {
					return fmt.Errorf("entry %d: spans %v", i, r.spansOf(e))
				}
				reach = s.end
				have += int(s.end - s.start)
			}
			if have != int(e.have) {
				return fmt.Errorf("entry %d: spans of %d bytes, have %d", i, have, e.have)
			}
			total += cost
			held += n
			pending++
			stages[e.stage] += cost
			counts[e.stage]++
			cells[e.cell] += cost
			cellCounts[e.cell]++
		}
		if r.age[family].tail != older {
			return fmt.Errorf("tail is %d, not %d", r.age[family].tail, older)
		}
	}
	switch {
	case total != r.bytes:
		return fmt.Errorf("charged %d, entries cost %d", r.bytes, total)
	case held != r.held:
		return fmt.Errorf("%d held, entries hold %d", r.held, held)
	case chunks != r.arena.inUse:
		return fmt.Errorf("arena has %d in use, entries hold %d", r.arena.inUse, chunks)
	case pending != r.table.n:
		return fmt.Errorf("%d in the table, %d entries", r.table.n, pending)
	case stages != r.stageBytes || counts != r.count:
		return fmt.Errorf("stages %v %v, entries %v %v", r.stageBytes, r.count, stages, counts)
	}
	sources := 0
	for n := range r.cells {
		c := &r.cells[n]
		if c.bytes != cells[n] || c.count != cellCounts[n] {
			return fmt.Errorf("cell %d: %d bytes, %d entries; charged %d, %d", n, cells[n], cellCounts[n], c.bytes, c.count)
		}
		if c.count > 0 {
			sources++
		}
		for stage := range c.queue {
			ahead := uint32(0)
			for i := c.queue[stage].head; i != 0; i = r.entries[i].behind {
				e := &r.entries[i]
				if e.ahead != ahead || int(e.cell) != n || int(e.stage) != stage {
					return fmt.Errorf("cell %d: entry %d is in the wrong queue", n, i)
				}
				ahead = i
			}
			if c.queue[stage].tail != ahead {
				return fmt.Errorf("cell %d: tail is %d, not %d", n, c.queue[stage].tail, ahead)
			}
			if (ahead != 0) != (int(c.place[stage]) < len(r.occupied[stage]) && r.occupied[stage][c.place[stage]] == uint16(n)) {
				return fmt.Errorf("cell %d: wrong in the list of stage %d", n, stage)
			}
		}
	}
	if sources != r.sources {
		return fmt.Errorf("%d cells in use, %d counted", sources, r.sources)
	}
	return r.arena.check()
}

// check verifies that each chunk is in one place and each slab in one list.
func (a *arena) check() error {
	used, listed := 0, 0
	for i := range a.slabs {
		s := &a.slabs[i]
		free := 0
		for c := s.free; c != 0; c = s.link[c&(1<<slabBits-1)] {
			if free++; free > chunksInSlab || int(c>>slabBits) != i+1 {
				return fmt.Errorf("slab %d: broken list of free chunks", i)
			}
		}
		n := slabBytes / int(s.size)
		if s.listed != (s.used < int32(n)) {
			return fmt.Errorf("slab %d: listed %v with %d of %d used", i, s.listed, s.used, n)
		}
		if s.used > 0 && int(s.fresh)-free != int(s.used) {
			return fmt.Errorf("slab %d: %d used, %d begun, %d free", i, s.used, s.fresh, free)
		}
		used += int(s.used) * int(s.size)
		if s.listed {
			listed++
		}
	}
	if used != a.inUse {
		return fmt.Errorf("slabs have %d in use, %d counted", used, a.inUse)
	}
	for list, i := range a.lists {
		for ; i != 0; i = a.slabs[i-1].next {
			s := &a.slabs[i-1]
			alone := s.prev|s.next == 0
			if !s.listed || s.used != 0 && list == unused || s.used == 0 && list != unused && !alone ||
				list != unused && int(s.class) != list {
				return fmt.Errorf("slab %d is in list %d", i-1, list)
			}
			listed--
		}
	}
	if listed != 0 {
		return fmt.Errorf("%d slabs are in no list", listed)
	}
	if len(a.slabs) > a.max {
		return fmt.Errorf("%d slabs, limit %d", len(a.slabs), a.max)
	}
	return nil
}

// MostSpans returns the length of the longest list of spans.
func (r *Reassembler) MostSpans() int {
	most := 0
	for family := range r.age {
		for i := r.age[family].head; i != 0; i = r.entries[i].younger {
			most = max(most, len(r.spansOf(&r.entries[i])))
		}
	}
	return most
}

// Single returns the number of datagrams with a single fragment.
func (r *Reassembler) Single() int { return r.count[probation] }
