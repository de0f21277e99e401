// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import "protean/proto/wire"

// Feed takes in the packet b, which starts at its IP header; what is behind the
// end that the header gives is padding. The caller has verified the IPv4 header
// checksum. Now is the time in nanoseconds on any clock that is the same for
// all calls; it may stand still, jump ahead, and go back, which counts as
// standing still.
//
// If the verdict is Complete, *d is filled in; otherwise it is left alone. Feed
// keeps no reference to b.
func (r *Reassembler) Feed(now int64, b []byte, m Meta, d *Datagram) Verdict {
	r.advance(now)
	var f fragment
	v := f.parse(b, &m)
	if v == Whole {
		return v
	}
	r.stats.Fragments++
	if v == Held {
		v = r.check(&f)
	}
	if v == Held {
		v = r.feed(&f, &m, d)
	}
	switch {
	case v == Complete:
		r.stats.Datagrams++
		r.stats.Delivered += uint64(d.Fragments)
	case v != Held:
		r.stats.Dropped[v]++
	}
	return v
}

// check refuses fragments that no datagram can use, whatever else is held. What
// is shortened here is shortened for good.
func (r *Reassembler) check(f *fragment) Verdict {
	linux := r.cfg.Policy == Linux
	v4 := f.key.version == 4
	switch {
	case f.ttl < r.cfg.MinTTL:
		return LowTTL
	case f.end > 0xffff && !(v4 && linux):
		return TooLong
	case f.end > 0xffff-20 && v4 && !linux:
		return TooLong
	}
	if f.more && f.end&7 != 0 {
		if !v4 || !linux && !r.cfg.TrimOdd {
			return Unaligned
		}
		f.end &^= 7
	}
	switch {
	case f.end == f.off && !linux:
		return Empty
	case f.more && f.end-f.off < r.cfg.MinFragment:
		return Tiny
	case r.cfg.RFC1858 && v4 && f.key.protocol == wire.ProtoTCP && (f.off == 8 || f.off == 0 && f.end < 20):
		return Tiny
	}
	return Held
}

// feed takes in a fragment that passed check.
func (r *Reassembler) feed(f *fragment, m *Meta, d *Datagram) Verdict {
	if r.cfg.Policy == Linux && r.bytes > r.cfg.MaxBytes {
		return NoMemory
	}
	i, hash := r.lookup(&f.key)
	if i != 0 && r.due(&r.entries[i]) {
		r.expire(i)
		i = 0
	}
	if r.cfg.MaxDistance > 0 && f.key.version == 4 && r.tooFar(f, i) {
		r.drop(i, TooFar)
		i = 0
	}
	if i == 0 {
		return r.start(f, hash, m)
	}
	e := &r.entries[i]
	if e.dead {
		return Overlap
	}
	if v := r.end(e, f); v != Held {
		r.refuse(i, v)
		return v
	}
	how, at := r.place(e, uint32(f.off), uint32(f.end))
	if how != fresh && r.inPlace.entry == i {
		r.settle()
	}
	switch {
	case how == inside && !r.wins(f):
		return r.duplicate(i, f, hash, m, d)
	case how != fresh && !r.cfg.Policy.arbitrates():
		r.refuse(i, Overlap)
		return Overlap
	case int(e.fragments) >= r.cfg.MaxFragments:
		r.drop(i, TooMany)
		return TooMany
	}
	if how != inside && !r.cover(e, uint32(f.off), uint32(f.end), at) {
		r.drop(i, TooMany)
		return TooMany
	}
	r.note(e, f)
	if e.last && e.have == e.total {
		return r.finish(i, f, d)
	}
	if e.stage == probation && how == fresh {
		r.protect(i)
	}
	return r.keep(i, f, m)
}

// lookup returns the entry with the given key, or 0, and the key's hash. Fragments
// of one datagram mostly come one after the other.
func (r *Reassembler) lookup(k *key) (i, hash uint32) {
	if e := r.recent; e != 0 && r.entries[e].key.is(k) {
		return e, r.entries[e].hash
	}
	hash = r.table.hash(k)
	r.recent = r.table.find(r.entries, hash, k)
	return r.recent, hash
}

// start takes in the first fragment of a datagram.
func (r *Reassembler) start(f *fragment, hash uint32, m *Meta) Verdict {
	if f.end == f.off {
		return Empty
	}
	for r.count[probation]+r.count[protected] >= r.cfg.MaxDatagrams {
		if r.cfg.Policy == Linux || !r.evict(0, places) {
			return NoMemory
		}
	}
	i := r.newEntry(f, hash)
	r.recent = i
	e := &r.entries[i]
	r.seen(f, i)
	r.end(e, f)
	r.cover(e, uint32(f.off), uint32(f.end), 0)
	r.note(e, f)
	r.begin(i)
	return r.keep(i, f, m)
}

// end takes in what the fragment says about the end of the datagram. Anything
// but Held means that it contradicts what was said before.
func (r *Reassembler) end(e *entry, f *fragment) Verdict {
	end := uint32(f.end)
	if !f.more {
		if end < e.total || e.last && end != e.total {
			return Conflict
		}
		e.last, e.total = true, end
	} else if end > e.total {
		if e.last {
			return Conflict
		}
		e.total = end
	}
	if f.end == f.off { // only under the Linux policy
		return Empty
	}
	return Held
}

// note takes in what the header of a fragment contributes to that of the
// datagram.
func (r *Reassembler) note(e *entry, f *fragment) {
	size := uint16(min(f.hdr+f.end-f.off, 0xffff))
	e.ecn |= 1 << f.ecn
	e.largest = max(e.largest, size)
	if f.df {
		e.largestDF = max(e.largestDF, size)
	}
}

// refuse drops a datagram that its fragments contradict.
func (r *Reassembler) refuse(i uint32, v Verdict) {
	if !r.cfg.Tombstone {
		r.drop(i, v)
		return
	}
	e := &r.entries[i]
	r.stats.Dropped[v] += uint64(e.fragments)
	r.stats.Lost[v]++
	r.empty(e)
	e.dead = true
}
