// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import "slices"

// A distance counts the fragments of every IPv4 source, for
// Config.MaxDistance.
type distance struct {
	sources map[[4]byte]uint32 // fragments so far
	latest  []uint32           // by entry: that count at its latest fragment
}

// mostSources is the number of sources that are told apart; beyond it counting
// starts anew.
const mostSources = 1 << 16

// tooFar counts the fragment, and reports whether too many others came from
// its source since the latest one of entry i, which is 0 if there is none.
func (r *Reassembler) tooFar(f *fragment, i uint32) bool {
	d := &r.distance
	if d.sources == nil || len(d.sources) >= mostSources {
		d.sources = make(map[[4]byte]uint32)
	}
	d.sources[[4]byte(f.key.src[:4])]++
	if i == 0 {
		return false
	}
	before := d.latest[i]
	r.seen(f, i)
	return int32(d.latest[i]-before) > int32(r.cfg.MaxDistance) // negative after counting anew
}

// seen notes that the fragment is the latest one of entry i.
func (r *Reassembler) seen(f *fragment, i uint32) {
	if r.cfg.MaxDistance <= 0 {
		return
	}
	d := &r.distance
	if n := int(i) + 1 - len(d.latest); n > 0 {
		d.latest = append(d.latest, slices.Repeat([]uint32{0}, n)...)
	}
	d.latest[i] = d.sources[[4]byte(f.key.src[:4])]
}
