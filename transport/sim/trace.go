// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"time"

	"protean/transport/impair"
)

// A Fate is what became of a packet.
type Fate uint8

// The fates. On every link a packet has at least two traces: [Sent], and then
// one of those that follow, up to Partitioned, with a [Delivered] of its own for
// a duplicate. The others are about nodes: what becomes of a packet there, and
// what a node makes itself.
const (
	Sent        Fate = iota + 1 // given to the link
	Delivered                   // arrived at the other end
	Lost                        // lost on the way
	QueueDrop                   // dropped by the full queue before the link
	TooBig                      // larger than the MTU; if it is that of the sender, Commit returned an error
	Down                        // the link was down, or went down while it was on its way
	Duplicated                  // a copy was made
	Reordered                   // it is held back; Delivered or Down follows
	Corrupted                   // bits of it were flipped
	Marked                      // it was marked: congestion experienced
	Filtered                    // dropped by a middlebox
	Partitioned                 // arrived, but a partition is between the nodes

	Generated   // the node's kernel made it: an ICMP error, a reply, a fragment; Sent follows
	Forwarded   // a router passes it on; Sent follows
	TTLExceeded // its TTL or hop limit ran out
	NoRoute     // there is no way to its destination
	NoNeighbor  // nobody on the link has the address of the next hop
	Rejected    // a route forbids it, or its source is not one that it can have
	Unwanted    // arrived at a node, but nobody there wants it
	Malformed   // arrived at a node, but its header lies
	Overflow    // the queue of a handle was full
	numFates    = iota + 1
)

var fateNames = [numFates]string{
	"", "sent", "delivered", "lost", "dropped by the queue", "too big", "link down", "duplicated", "held back",
	"corrupted", "marked", "dropped by a middlebox",
	"partitioned", "generated", "forwarded", "TTL exceeded", "no route", "no neighbour", "rejected", "unwanted",
	"malformed", "overflow",
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
	Node     string // the node it happened in; empty if it happened on a link
	Link     string // the name of the link; in a node, of that which it came through or, if the node made it, leaves by; for packets of a node to itself the loopback port's, "a:lo"
	Back     bool   // it goes from the second port of the link to the first
	From, To *Port  // the ends of the link, which it goes from and to
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
	d.net.tell(&tr)
}

// trace tells the taps what becomes of a packet in the node that came in
// through p.
func (nd *Node) trace(f Fate, p *Port, data []byte) {
	if len(nd.net.taps) == 0 {
		return
	}
	tr := Trace{Time: unix(nd.net.clock()), Fate: f, Node: nd.name, From: p, To: p, Data: data}
	if d := p.out; d != nil {
		tr.From, tr.Link, tr.Back = d.to, d.name, d.link != nil && !d.back
	}
	nd.net.tell(&tr)
}

// traceOut is trace for a packet that is to leave by d.
func (nd *Node) traceOut(f Fate, d *direction, data []byte) {
	if len(nd.net.taps) == 0 {
		return
	}
	nd.net.tell(&Trace{
		Time: unix(nd.net.clock()), Fate: f, Node: nd.name, Link: d.name, Back: d.back, From: d.from, To: d.to, Data: data,
	})
}

func (n *Network) tell(tr *Trace) {
	for _, t := range n.taps {
		t.f(*tr)
	}
}
