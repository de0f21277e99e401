// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// A Verdict says what became of a fragment, or of the datagram it belonged to.
type Verdict uint8

// The verdicts. Those up to Whole are no drops. The others say whether the
// fragment alone was dropped or its datagram with it.
const (
	// Held: the fragment was kept, and its datagram is not complete yet.
	Held Verdict = iota

	// Complete: the fragment completed its datagram.
	Complete

	// Whole: the packet is no fragment and nothing was done. An IPv6 packet
	// whose fragment header makes no fragment of it is whole (RFC 6946).
	Whole

	// Duplicate: the bytes were held already; the fragment alone was dropped.
	Duplicate

	// BadHeader: a header is truncated or lies; the fragment alone was dropped.
	BadHeader

	// Empty: there is no data; the fragment alone was dropped (under the Linux
	// policy its datagram too).
	Empty

	// Unaligned: more fragments follow but the length is no multiple of eight;
	// the fragment alone was dropped.
	Unaligned

	// TooLong: the data ends beyond what an IP packet can hold; the fragment
	// alone was dropped, or the datagram if that was only seen when it was
	// complete.
	TooLong

	// ShortChain: the first fragment does not hold the whole IPv6 header chain
	// (RFC 7112); the fragment alone was dropped.
	ShortChain

	// Nested: an IPv6 fragment header follows another; the fragment alone was
	// dropped.
	Nested

	// Tiny: smaller than Config.MinFragment or than Config.RFC1858 lets
	// through; the fragment alone was dropped.
	Tiny

	// LowTTL: TTL or hop limit is below Config.MinTTL; the fragment alone was
	// dropped.
	LowTTL

	// Conflict: fragments disagree about where the datagram ends, which was
	// dropped.
	Conflict

	// Overlap: fragments overlap, and the policy does not allow it; the
	// datagram was dropped.
	Overlap

	// MixedECN: fragments with ECN codepoints that do not go together (RFC
	// 3168 section 5.3); the datagram was dropped when it was complete.
	MixedECN

	// TooMany: more fragments than Config.MaxFragments; the datagram was
	// dropped.
	TooMany

	// NoMemory: the limits on memory left no room. The fragment alone was
	// dropped; the datagram too if it was the one that was to make room.
	NoMemory

	// TooFar: Config.MaxDistance was exceeded; what was held of the datagram
	// was dropped, and the fragment starts it anew.
	TooFar

	// TimedOut: the datagram was not complete in time and was dropped.
	TimedOut

	// Flushed: the datagram was dropped by Reassembler.Flush.
	Flushed

	// NumVerdicts is the length of an array indexed by Verdict.
	NumVerdicts
)

var verdictNames = [NumVerdicts]string{
	"held", "complete", "whole", "duplicate", "bad header", "empty fragment",
	"length not a multiple of eight", "beyond the largest packet",
	"header chain not in the first fragment", "nested fragment header",
	"fragment too small", "TTL too low", "conflicting end", "overlap",
	"mixed ECN codepoints", "too many fragments", "no memory",
	"too many other fragments in between", "timed out", "flushed",
}

// String returns the verdict in words.
func (v Verdict) String() string {
	if v < NumVerdicts {
		return verdictNames[v]
	}
	return "unknown verdict"
}

// Dropped reports whether v is a drop.
func (v Verdict) Dropped() bool { return v > Whole }

// A Reason sums up the verdicts that are drops, for counters that do not want
// each apart.
type Reason uint8

// The reasons.
const (
	NotDropped Reason = iota
	DropDuplicate
	DropMalformed // the fragment cannot be part of any datagram that is let through
	DropOverlap   // it contradicts other fragments of its datagram
	DropLimit     // memory or a count is exhausted
	DropTimeout
)

var reasons = [NumVerdicts]Reason{
	Duplicate: DropDuplicate,
	BadHeader: DropMalformed, Empty: DropMalformed, Unaligned: DropMalformed,
	TooLong: DropMalformed, ShortChain: DropMalformed, Nested: DropMalformed,
	Tiny: DropMalformed, LowTTL: DropMalformed, MixedECN: DropMalformed,
	Conflict: DropOverlap, Overlap: DropOverlap,
	TooMany: DropLimit, NoMemory: DropLimit, TooFar: DropLimit, Flushed: DropLimit,
	TimedOut: DropTimeout,
}

// Reason returns the reason that v falls under, NotDropped if it is no drop.
func (v Verdict) Reason() Reason {
	if v < NumVerdicts {
		return reasons[v]
	}
	return NotDropped
}
