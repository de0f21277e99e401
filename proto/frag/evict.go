// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// evict drops one datagram other than keep, to make room. By tells which
// resource is short: the shares of the two stages are compared in it. Probation
// is emptied first, but a quarter stays with it: otherwise whoever sends
// fragments in pairs would take all the room from datagrams that are new.
func (r *Reassembler) evict(keep uint32, by resource) bool {
	share, whole := r.count[probation], r.count[probation]+r.count[protected]
	if by == memory {
		share, whole = r.stageBytes[probation], r.bytes
	}
	order := [numStages]uint8{probation, protected}
	if share < whole/4 {
		order = [numStages]uint8{protected, probation}
	}
	for _, stage := range order {
		if i := r.victim(stage, keep); i != 0 {
			r.drop(i, NoMemory)
			return true
		}
	}
	return false
}

type resource uint8

const (
	memory resource = iota
	places
)

// evictOwn drops the oldest datagram of the cell, other than keep.
func (r *Reassembler) evictOwn(n uint16, keep uint32) bool {
	for stage := range uint8(numStages) {
		i := r.cells[n].queue[stage].head
		if i == keep && i != 0 {
			i = r.entries[i].behind
		}
		if i != 0 {
			r.drop(i, NoMemory)
			return true
		}
	}
	return false
}

// When more than half of the memory is in use, the sources of a cell may use
// this part of all while others use some too. Datagrams on probation may use
// this part at any time.
const (
	cellShare      = 8
	probationShare = 2
)

// trim brings memory back under its limits after entry i got a fragment, by
// dropping others. It reports false if i alone is above them.
func (r *Reassembler) trim(i uint32) bool {
	e := &r.entries[i]
	for r.sources > 1 && r.bytes > r.cfg.MaxBytes/2 && r.cells[e.cell].bytes > r.cfg.MaxBytes/cellShare {
		if !r.evictOwn(e.cell, i) {
			break
		}
	}
	for e.stage == probation && r.stageBytes[probation] > r.cfg.MaxBytes/probationShare {
		v := r.victim(probation, i)
		if v == 0 {
			break
		}
		r.drop(v, NoMemory)
	}
	for r.bytes > r.cfg.MaxBytes {
		if !r.evict(i, memory) {
			return false
		}
	}
	return true
}
