// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"time"

	"protean/transport/impair"
)

// A Fate is what became of a packet.
type Fate uint8

// The fates. A packet has at least two traces: [Sent], and then one of those
// that follow, with a [Delivered] of its own for a duplicate.
const (
	Sent       Fate = iota + 1 // given to the link
	Delivered                  // arrived at the other end
	Lost                       // lost on the way
	QueueDrop                  // dropped by the full queue before the link
	TooBig                     // larger than the MTU; if it is that of the sender, Commit returned an error
	Down                       // the link was down, or went down while it was on its way
	Duplicated                 // a copy was made
	Reordered                  // it is held back; Delivered or Down follows
	Corrupted                  // bits of it were flipped
	Marked                     // it was marked: congestion experienced
	Filtered                   // dropped by a middlebox
	numFates   = iota + 1
)

var fateNames = [numFates]string{
	"", "sent", "delivered", "lost", "dropped by the queue", "too big", "link down", "duplicated", "held back",
	"corrupted", "marked", "dropped by a middlebox",
}

// String returns the fate in words.
func (f Fate) String() string {
	if f > 0 && int(f) < len(fateNames) {
		return fateNames[f]
	}
	return "unknown fate"
}

// fateOf returns what a fate in a pipe is called here.
func fateOf(f impair.Fate) Fate {
	switch f {
	case impair.Lost:
		return Lost
	case impair.QueueDropped:
		return QueueDrop
	case impair.TooBig:
		return TooBig
	case impair.Filtered:
		return Filtered
	case impair.Cleared:
		return Down
	case impair.Duplicated:
		return Duplicated
	case impair.Reordered:
		return Reordered
	case impair.Corrupted:
		return Corrupted
	case impair.Marked:
		return Marked
	}
	return 0
}

// A Trace tells one thing that happened to one packet.
type Trace struct {
	Time     time.Time
	Fate     Fate
	Link     string // its name; for packets of a node to itself the loopback port's, "a:lo"
	Back     bool   // it goes from the second port of the link to the first
	From, To *Port
	Number   uint64 // of the packet, counted from 0 per link and direction
	Copy     bool   // it is the copy that Duplicate made
	Data     []byte // from the IP header on; valid during the call and not to be changed
}

// Tap has f called for everything that happens to a packet, in the order in
// which it happens, until stop is called. f runs with the network locked: it
// must not call anything of this package but methods of [Port] and [Fate] that
// return names.
func (n *Network) Tap(f func(Trace)) (stop func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := &tap{f}
	n.taps = append(n.taps, t)
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		var rest []*tap
		for _, o := range n.taps {
			if o != t {
				rest = append(rest, o)
			}
		}
		n.taps = rest
	}
}

type tap struct{ f func(Trace) }

// trace tells the taps. It is called only if there are any, so that without
// them it costs one comparison.
func (d *direction) trace(f Fate, at int64, number uint64, copied bool, data []byte) {
	tr := Trace{
		Time: unix(at), Fate: f, Link: d.name, Back: d.back, From: d.from, To: d.to,
		Number: number, Copy: copied, Data: data,
	}
	for _, t := range d.net.taps {
		t.f(tr)
	}
}
