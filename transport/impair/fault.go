// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"time"
)

// A Kind is a kind of fault. Only what chance, or a choice of packets, brings
// about is a fault: what a full queue, a small MTU or a middlebox does to a
// packet follows from the traffic, and happens whatever a [Filter] says.
type Kind uint8

// The kinds of faults.
const (
	KindLoss      Kind = iota + 1 // the packet is lost by [Loss]
	KindGEModel                   // the packet is lost by [GEModel]
	KindDrop                      // the packet is lost by [Drop]
	KindDuplicate                 // a copy of it is made
	KindReorder                   // it is held back, and others overtake it
	KindJitter                    // it takes longer, or less long, than usual
	KindCorrupt                   // bits of it are flipped
	numKinds      = iota + 1
)

var kindNames = [numKinds]string{"", "loss", "gemodel", "drop", "duplicate", "reorder", "jitter", "corrupt"}

// String returns the kind in a word, as in a [Schedule]'s text.
func (k Kind) String() string {
	if k > 0 && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// An ID is the address of a fault: with the same seed it names the same
// decision in every run, whatever other faults there are.
type ID struct {
	Link   string // its name
	Back   bool   // the direction: from its second end to its first
	Number uint64 // of the packet, counted from 0 per link and direction
	Copy   uint16 // 0 for the packet itself; else which of its copies
	Kind   Kind
	Stage  uint8 // which stage of that kind in the pipeline, counted from 0
}

// A Fault is a fault that strikes a packet, or is about to.
type Fault struct {
	ID
	Time    int64         // when, in Unix nanoseconds
	Delay   time.Duration // KindReorder, KindJitter: how much longer the packet takes, if that is known already
	Flipped []int         // KindCorrupt: the bits, counted from the first of the IP header; valid during the call
}

// A Filter says whether a fault may strike. It is asked for every fault that
// would strike, in the order in which they would, and must answer by the ID
// alone if runs are to be compared. A nil Filter lets all strike.
type Filter func(Fault) bool
