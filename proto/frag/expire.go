// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import "time"

// An Expired is a datagram that was given up because it was not complete in
// time.
type Expired struct {
	// First is the fragment at offset 0 as it was received, from its IP header
	// to the end of its data; nil if it did not arrive. An ICMP time exceeded
	// message quotes it, and is not sent without it (RFC 792, RFC 4443 section
	// 3.3). It belongs to the Reassembler and is valid until OnExpire returns.
	First []byte

	// Meta is what Feed was given with First.
	Meta Meta

	// Fragments is the number of fragments that were held.
	Fragments int

	// Version is 4 or 6.
	Version int
}

// advance moves the clock on. When the caller's clock goes back, time stands
// still, so that what is held is neither kept for ever nor given up early.
func (r *Reassembler) advance(now int64) {
	if d := now - r.latest; d > 0 {
		// No more than what expires everything, so that the sum of many jumps
		// does not overflow.
		r.clock += min(d, int64(max(r.cfg.Timeout4, r.cfg.Timeout6)))
	}
	r.latest = now
}

func (r *Reassembler) due(e *entry) bool { return r.clock-e.created >= r.timeout(e) }

// Expire gives up the datagrams whose time is over at now; see Config.OnExpire.
// Feed does so for the datagram that a fragment belongs to, so Expire need not
// be called for each fragment, but often enough that memory is not held in
// vain: once per batch of packets, and when the time that Next returns has
// come.
func (r *Reassembler) Expire(now int64) {
	r.advance(now)
	for family := range r.age {
		for {
			i := r.age[family].head
			if i == 0 || !r.due(&r.entries[i]) {
				break
			}
			r.expire(i)
		}
	}
}

// Next returns when Expire will next have something to do, on the caller's
// clock, and whether it will. With more fragments the time can become earlier.
func (r *Reassembler) Next() (at int64, ok bool) {
	for family := range r.age {
		i := r.age[family].head
		if i == 0 {
			continue
		}
		e := &r.entries[i]
		t := r.latest + max(0, e.created+r.timeout(e)-r.clock)
		if !ok || t < at {
			at, ok = t, true
		}
	}
	return at, ok
}

func (r *Reassembler) expire(i uint32) {
	e := &r.entries[i]
	if r.cfg.OnExpire != nil && !e.dead {
		x := &r.expired
		*x = Expired{Fragments: int(e.fragments), Version: int(e.key.version)}
		if e.first != 0 {
			if r.inPlace.entry == i {
				r.settle()
			}
			x.First = r.buffer()[:int(e.hdr)+int(r.pieces[e.first].n)]
			r.arena.read(r.pieces[e.first].chunk, 0, x.First)
			x.Meta = Meta{IfIndex: e.ifindex, Zone: e.key.zone, Cookie: e.cookie}
		}
		r.cfg.OnExpire(x)
	}
	r.drop(i, TimedOut)
}

// Flush gives up all incomplete datagrams, without OnExpire, and gives back
// the memory that was used for them.
func (r *Reassembler) Flush() {
	for family := range r.age {
		for r.age[family].head != 0 {
			r.drop(r.age[family].head, Flushed)
		}
	}
	r.entries, r.freeEntry = nil, 0
	r.pieces, r.freePiece = nil, 0
	r.spills, r.freeSpills = nil, nil
	r.arena = arena{max: r.arena.max}
	r.inPlace = inPlace{}
	r.table.slots = nil
	r.distance = distance{}
}

// timeout is the time that datagrams of e's family have.
func (r *Reassembler) timeout(e *entry) int64 {
	t := r.cfg.Timeout4
	if e.key.version == 6 {
		t = r.cfg.Timeout6
	}
	half := r.cfg.MaxBytes / 2
	if r.bytes <= half || t <= leastTimeout || r.cfg.Policy == Linux {
		return int64(t)
	}
	over := min(float64(r.bytes-half)/float64(half), 1)
	return int64(t - time.Duration(over*float64(t-leastTimeout)))
}
