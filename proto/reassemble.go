// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"protean/proto/frag"
	"protean/proto/wire"
	"protean/transport"
)

// A reassembly puts the fragments that one queue receives together, where the
// transport does not. Fragments of one datagram come through one queue, so
// that queues share nothing.
type reassembly struct {
	cfg   *frag.Config
	r     *frag.Reassembler // nil until the first fragment: most hosts never see one
	d     frag.Datagram
	whole Packet     // what d holds, as a packet
	seen  frag.Stats // what has been counted
	dirty bool       // there is more to count
	next  int64      // when the next datagram is given up, host time
}

func newReassembly(c *frag.Config) *reassembly {
	return &reassembly{cfg: c, next: never}
}

// fragment takes in a fragment. A handler that wants fragments as they are has
// it first; c is the chain of its protocol, or nil.
func (q *queue) fragment(c *chain, p *Packet) {
	f := q.frags
	switch {
	case c != nil && c.fragments:
		q.deliverChain(c, p)
		return
	case c == nil && !(p.Is6() && wire.IsExtension(p.Protocol())):
		q.drop(transport.NoHandler)
		return
	case p.Truncated():
		q.drop(transport.FragmentMalformed)
		return
	}
	q.out.nowOK = false
	f.dirty = true
	if f.r == nil {
		f.r = frag.NewReassembler(f.cfg)
	}
	if f.r.Feed(q.out.time(), p.Data, frag.Meta{IfIndex: p.IfIndex}, &f.d) != frag.Complete {
		return
	}
	flags := transport.FlagHeaderVerified | p.TimeSource().Flag() | p.Type().Flag()
	if p.VLAN() {
		flags |= transport.FlagVLAN
	}
	if bad := f.whole.Load(f.d.Packet, transport.Arrival{
		Time: p.UnixNano(), IfIndex: p.IfIndex, FragSize: uint16(min(f.d.FragSize, 0xffff)), Flags: flags,
	}); bad != 0 {
		q.drop(transport.Malformed)
		return
	}
	q.dispatch(q.h.table[f.whole.Protocol()].Load(), &f.whole)
}

// expire gives up the datagrams whose time is over, if it is time for that.
func (q *queue) expire() {
	f := q.frags
	if f == nil || f.next == never {
		return
	}
	if now := q.h.nowNs(); f.next <= now {
		f.r.Expire(now)
		f.dirty = true
	}
}

// dropReasons are the reasons under which fragments are counted.
var dropReasons = [...]DropReason{
	frag.DropDuplicate: transport.Duplicate,
	frag.DropMalformed: transport.FragmentMalformed,
	frag.DropOverlap:   transport.FragmentOverlap,
	frag.DropLimit:     transport.FragmentLimit,
	frag.DropTimeout:   transport.FragmentTimeout,
}

// countFragments publishes what has become of fragments in this pass.
func (q *queue) countFragments() {
	f := q.frags
	if f == nil || !f.dirty {
		return
	}
	f.dirty = false
	now := f.r.Stats()
	for v := range now.Dropped {
		if n := now.Dropped[v] - f.seen.Dropped[v]; n != 0 {
			q.stats.dropped[dropReasons[frag.Verdict(v).Reason()]].Add(n)
		}
	}
	q.stats.joined.Add(now.Delivered - f.seen.Delivered)
	q.stats.reassembled.Add(now.Datagrams - f.seen.Datagrams)
	q.stats.held.Store(int64(now.Held))
	f.seen = now
	f.next = never
	if at, ok := f.r.Next(); ok {
		f.next = at
	}
}
