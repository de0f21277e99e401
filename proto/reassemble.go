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
	part  Packet     // a fragment given up
	seen  frag.Stats // what has been counted
	dirty bool       // there is more to count
	next  int64      // when the next datagram is given up, host time
}

func newReassembly(q *queue) *reassembly {
	c := q.h.cfg.Reassembly
	user := c.OnExpire
	c.OnExpire = func(x *frag.Expired) {
		if user != nil {
			user(x)
		}
		q.expired(x)
	}
	return &reassembly{cfg: &c, next: never}
}

// expired tells of a datagram whose first fragment alone is left.
func (q *queue) expired(x *frag.Expired) {
	p := &q.frags.part
	if x.First == nil || p.Load(x.First, transport.Arrival{
		IfIndex: x.Meta.IfIndex, Flags: transport.FlagHeaderVerified | transport.Flags(x.Meta.Cookie),
	}) != 0 {
		return
	}
	if x.Version == 6 {
		q.fragmentProblem(p, wire.ICMPv6TimeExceeded, wire.ICMPv6ReassemblyExceeded, 0)
		return
	}
	q.fragmentProblem(p, wire.ICMPv4TimeExceeded, wire.ICMPv4ReassemblyExceeded, 0)
}

// fragmentProblem tells the handlers that an ICMP error about p is due.
func (q *queue) fragmentProblem(p *Packet, typ, code uint8, arg uint32) {
	for _, b := range *q.h.bindings.Load() {
		if b.fragHandler != nil && b.wants(int(p.Protocol())) {
			q.with(b, "HandleFragment", func(env *Env) error { return b.fragHandler.HandleFragment(env, p, typ, code, arg) })
		}
	}
}

// fragment takes in a fragment. A handler that wants fragments as they are has
// it first; c is the chain of its protocol, or nil.
func (q *queue) fragment(c *chain, p *Packet) {
	f, family := q.frags, 0
	if p.Is6() {
		family = 1
	}
	switch {
	case c != nil && c.fragments[family]:
		q.deliverChain(c, p)
		return
	case (c == nil || !c.families[family]) && !(p.Is6() && wire.IsExtension(p.Protocol())):
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
	var zone uint16
	if p.VLAN() {
		zone = 1
	}
	v := f.r.Feed(q.out.time(), p.Data, frag.Meta{IfIndex: p.IfIndex, Zone: zone, Cookie: uint64(p.Type().Flag())}, &f.d)
	if v != frag.Complete {
		if code, pointer, ok := v.ParameterProblem(p.Data); ok {
			q.fragmentProblem(p, wire.ICMPv6ParamProblem, code, pointer)
		}
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
