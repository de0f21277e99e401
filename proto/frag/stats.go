// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// A Stats counts what a Reassembler did. Every fragment is delivered as part
// of a datagram, dropped, or still held:
// Fragments == Delivered + the sum of Dropped + Held.
type Stats struct {
	Fragments uint64              // fed; packets that are whole do not count
	Delivered uint64              // fragments that became part of a datagram
	Datagrams uint64              // reassembled
	Dropped   [NumVerdicts]uint64 // fragments, by what became of them
	Lost      [NumVerdicts]uint64 // datagrams given up with fragments held, by reason

	Held    int // fragments held now
	Pending int // incomplete datagrams now, tombstones included
	Bytes   int // memory in use now, as limited by Config.MaxBytes
}

// Stats returns the counters.
func (r *Reassembler) Stats() Stats {
	s := r.stats
	s.Held = r.held
	s.Pending = r.count[probation] + r.count[protected]
	s.Bytes = r.bytes
	return s
}
