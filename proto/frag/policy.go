// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// A Policy says what happens to a datagram with fragments that overlap.
//
// The policies from First on keep the datagram and decide for every byte that
// two fragments claim which of them it is taken from; "old" is the fragment
// that owns the byte so far and "new" the one that arrives, each with the
// range it arrived with. They are named after the systems that were observed
// to behave so (Shankar and Paxson, "Active Mapping", 2003; Novak,
// "Target-Based Fragmentation Reassembly", 2005). The names are those that
// intrusion detection systems use; they say nothing about any system of today.
type Policy uint8

// The policies.
const (
	// Drop drops the datagram, as RFC 5722 and RFC 8200 section 4.5 ask for
	// IPv6, and for IPv4 alike. A fragment whose bytes are all held already is
	// a duplicate and does no harm.
	Drop Policy = iota

	// Linux delivers what Linux 6.x delivers: besides dropping at overlaps it
	// tells duplicates apart only within runs that arrived in order, does not
	// notice that a duplicate made the datagram complete, drops the datagram at
	// an empty fragment, shortens an IPv4 fragment of odd length, and refuses
	// all fragments while memory is exhausted. It is for comparisons with that
	// kernel.
	Linux

	First        // old wins
	Last         // new wins
	BSD          // old wins if it starts before new or where new does
	BSDRight     // old wins if it starts behind new
	LinuxClassic // old wins if it starts before new (Linux before 4.19)
	Windows      // new wins if it starts before old and ends behind it
	Solaris      // new wins if it starts before old and ends behind it or where it does

	numPolicies
)

var policyNames = [numPolicies]string{
	"drop", "linux", "first", "last", "bsd", "bsd-right", "linux-classic", "windows", "solaris",
}

// String returns the name, such as "bsd-right".
func (p Policy) String() string {
	if p < numPolicies {
		return policyNames[p]
	}
	return "unknown policy"
}

// ParsePolicy returns the policy with the given name, and whether there is one.
func ParsePolicy(name string) (Policy, bool) {
	for i, n := range policyNames {
		if n == name {
			return Policy(i), true
		}
	}
	return 0, false
}

// arbitrates reports whether p keeps datagrams with overlaps.
func (p Policy) arbitrates() bool { return p >= First }

// takes reports whether a fragment takes a byte from the one that owns it.
func (p Policy) takes(newStart, newEnd, oldStart, oldEnd int) bool {
	switch p {
	case Last:
		return true
	case BSD:
		return oldStart > newStart
	case BSDRight:
		return oldStart <= newStart
	case LinuxClassic:
		return oldStart >= newStart
	case Windows:
		return newStart < oldStart && newEnd > oldEnd
	case Solaris:
		return newStart < oldStart && newEnd >= oldEnd
	}
	return false
}

// DuplicateMode says whether a fragment whose bytes are all held already is
// compared with them. It applies to the Drop policy.
type DuplicateMode uint8

// The duplicate modes.
const (
	// IgnoreDuplicates drops the fragment and keeps what came first.
	IgnoreDuplicates DuplicateMode = iota

	// CompareDrop drops the datagram if the bytes differ, as an overlap.
	CompareDrop

	// CompareRestart drops what is held if the bytes differ and starts the
	// datagram anew with the fragment: the sender used its identification
	// again (RFC 4963).
	CompareRestart
)

// ECNMode says how the ECN codepoint of the datagram follows from those of its
// fragments.
type ECNMode uint8

// The ECN modes.
const (
	// CombineECN does as RFC 3168 section 5.3 asks and Linux does: congestion
	// experienced in one fragment is kept, and a datagram is dropped if some of
	// its fragments are ECN-capable and others are not. Of ECT(0) and ECT(1)
	// the first fragment's stays.
	CombineECN ECNMode = iota

	// FirstECN takes the codepoint of the first fragment.
	FirstECN
)
