// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import "hash/maphash"

// Meta is what the caller knows about a fragment besides its bytes.
type Meta struct {
	// IfIndex is the interface the fragment arrived on. It keeps apart what
	// goes to link-local and multicast IPv6 destinations on different links
	// (RFC 4007 section 9); otherwise fragments of one datagram may come in
	// over several interfaces.
	IfIndex int32

	// Zone keeps apart what must never be joined, such as VLANs.
	Zone uint16

	// Cookie is handed back unread, with an Expired.
	Cookie uint64
}

// A Datagram is a reassembled IP packet.
type Datagram struct {
	// Packet is the whole packet: the header of the fragment at offset 0, with
	// lengths, flags, ECN and IPv4 checksum as for a packet that was never
	// fragmented and, for IPv6, without the fragment header; then the payload.
	// It belongs to the Reassembler and is valid until its next call.
	Packet []byte

	// FragSize is the length of the largest fragment, its IP header included:
	// what IP_RECVFRAGSIZE and IPV6_RECVFRAGSIZE tell.
	FragSize int

	// Fragments is the number of fragments the packet was made of.
	Fragments int
}

// A Reassembler puts fragments together again. Its memory is bounded by its
// Config and, once it has grown to what the traffic needs, it allocates nothing.
//
// It is for use by one goroutine at a time.
type Reassembler struct {
	cfg   Config
	table table
	arena arena

	entries    []entry // entry 0 is unused
	freeEntry  uint32
	recent     uint32  // entry of the last fragment, 0 if it is gone
	pieces     []piece // piece 0 is unused
	freePiece  uint32
	spills     [][]span
	freeSpills []uint32
	inPlace    inPlace

	age        [2]queue // IPv4, IPv6
	cells      [numCells]cell
	occupied   [numStages][]uint16 // cells that have entries of the stage
	count      [numStages]int      // entries of the stage
	stageBytes [numStages]int
	sources    int // cells that have entries
	bytes      int // charged
	held       int // fragments

	clock  int64 // nanoseconds, never going back
	latest int64 // what the caller's clock said last

	random   uint64
	out      []byte
	owner    []uint32 // of each eight bytes: a piece; for policies that arbitrate
	distance distance
	expired  Expired
	stats    Stats
}

// NewReassembler returns a Reassembler with the given configuration, of which
// it keeps a copy. Nil means the defaults.
func NewReassembler(c *Config) *Reassembler {
	r := &Reassembler{cfg: c.withDefaults()}
	r.table.seed = maphash.MakeSeed()
	r.random = maphash.Comparable(r.table.seed, "victim") | 1
	r.arena.max = r.cfg.MaxBytes / slabBytes
	return r
}
