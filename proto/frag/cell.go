// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"encoding/binary"
	"hash/maphash"
)

// Sources are spread over cells by a keyed hash, a source being an IPv4 address
// or an IPv6 /64. When memory runs out it is taken from the cell that uses the
// most of a few that are looked at: a source that floods takes from itself,
// and a flood with forged sources takes from the oldest.
const (
	numCells    = 1024
	cellSamples = 4
)

type cell struct {
	bytes int
	count int
	queue [numStages]queue
	place [numStages]uint16 // in the list of cells that have some in that stage
}

func (r *Reassembler) cellOf(k *key) uint16 {
	src := binary.LittleEndian.Uint64(k.src[:])
	return uint16(maphash.Comparable(r.table.seed, src) % numCells)
}

// enqueue puts entry i at the end of its cell's queue for the stage.
func (r *Reassembler) enqueue(i uint32, stage uint8) {
	e := &r.entries[i]
	c := &r.cells[e.cell]
	q := &c.queue[stage]
	if q.head == 0 {
		c.place[stage] = uint16(len(r.occupied[stage]))
		r.occupied[stage] = append(r.occupied[stage], e.cell)
		q.head = i
	} else {
		r.entries[q.tail].behind = i
	}
	if c.count++; c.count == 1 {
		r.sources++
	}
	e.stage, e.ahead, e.behind = stage, q.tail, 0
	q.tail = i
	r.count[stage]++
	r.stageBytes[stage] += int(e.charge)
}

func (r *Reassembler) dequeue(i uint32) {
	e := &r.entries[i]
	c := &r.cells[e.cell]
	q := &c.queue[e.stage]
	if e.ahead != 0 {
		r.entries[e.ahead].behind = e.behind
	} else {
		q.head = e.behind
	}
	if e.behind != 0 {
		r.entries[e.behind].ahead = e.ahead
	} else {
		q.tail = e.ahead
	}
	if c.count--; c.count == 0 {
		r.sources--
	}
	r.count[e.stage]--
	r.stageBytes[e.stage] -= int(e.charge)
	if q.head == 0 {
		list := r.occupied[e.stage]
		moved := list[len(list)-1]
		list[c.place[e.stage]] = moved
		r.cells[moved].place[e.stage] = c.place[e.stage]
		r.occupied[e.stage] = list[:len(list)-1]
	}
}

// protect moves entry i out of probation.
func (r *Reassembler) protect(i uint32) {
	r.dequeue(i)
	r.enqueue(i, protected)
}

// victim returns the entry of the given stage to be dropped for want of memory,
// other than keep: the oldest of the fattest of some cells. It is 0 if there
// is none.
func (r *Reassembler) victim(stage uint8, keep uint32) uint32 {
	list := r.occupied[stage]
	if len(list) == 0 {
		return 0
	}
	best, fattest := uint32(0), -1
	try := func(n uint32) {
		c := &r.cells[list[n]]
		i := c.queue[stage].head
		if i == keep {
			i = r.entries[i].behind
		}
		if i != 0 && c.bytes > fattest {
			best, fattest = i, c.bytes
		}
	}
	if len(list) <= cellSamples {
		for n := range list {
			try(uint32(n))
		}
		return best
	}
	for range cellSamples {
		// xorshift64, Marsaglia 2003; what it yields is not to be guessed from
		// outside, and its seed is not known there.
		r.random ^= r.random << 13
		r.random ^= r.random >> 7
		r.random ^= r.random << 17
		try(uint32((r.random >> 32) * uint64(len(list)) >> 32))
	}
	if best == 0 {
		// All samples were one cell, with nothing in it but keep.
		try(0)
		try(1)
	}
	return best
}
