// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

// Stats counts what happened to a receive ring.
type Stats struct {
	Packets uint64 // that passed the filter, Drops included
	Drops   uint64 // of them, those for which there was no room
	Freezes uint64 // V3: how often every block was full

	Blocks   uint64 // V3: taken from the kernel
	TimedOut uint64 // V3: of them, those handed over before they were full
	Corrupt  uint64 // frames passed over since a header made no sense: theirs, or one before it in their block
	Skipped  uint64 // V3: jumps in the numbering of blocks: the ring and its reader have come apart
}

// Delivered returns how many packets were put into the ring.
func (s Stats) Delivered() uint64 { return s.Packets - s.Drops }
