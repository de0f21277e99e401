// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"crypto/rand"
	"encoding/binary"
	randv2 "math/rand/v2"
	"net/netip"
	"sync"

	"protean/proto/frag"
	"protean/transport"
)

// Packets above the MTU are cut by the host where the transport does not do it.

// identifications are given to the packets that a host cuts.
type identifications struct {
	mu  sync.Mutex
	key [16]byte
	ids *frag.IDs // nil until the first one is asked for
}

// init takes a key that nobody can guess, or, for a host whose random choices
// are to be repeatable, one made from its seed.
func (i *identifications) init(seed uint64) {
	key := &i.key
	if seed != 0 {
		rng := randv2.NewPCG(seed, seed)
		binary.LittleEndian.PutUint64(key[:], rng.Uint64())
		binary.LittleEndian.PutUint64(key[8:], rng.Uint64())
	} else {
		rand.Read(key[:]) // never fails
	}
}

func (i *identifications) next(now int64, packet []byte) uint32 {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ids == nil {
		i.ids = frag.NewIDs(i.key)
	}
	return i.ids.Next(now, packet)
}

// pathMTU is the MTU towards a destination, as far as the host knows; 0 if it
// does not.
func (h *Host) pathMTU(dst netip.Addr, ifindex int, now int64) int {
	l := h.links.Load()
	mtu := l.minMTU
	if r, err := h.routes.get(dst, ifindex, now); err == nil && r.MTU > 0 {
		mtu = r.MTU
	} else if i := l.byIndex(ifindex); i != nil {
		mtu = i.MTU
	}
	if learnt := h.paths.get(dst); learnt != 0 && (mtu == 0 || learnt < mtu) {
		return learnt
	}
	return mtu
}

// refusedForSize learns from a transport that has refused packet d since the
// path, as it knows, carries mtu bytes only.
func (h *Host) refusedForSize(d []byte, mtu int, now int64) {
	dst := destination(d)
	if known := h.pathMTU(dst, 0, now); believable(dst, mtu, len(d)) && (known == 0 || mtu < known) {
		h.learnPath(dst, mtu, now)
	}
}

// linkMTU is the MTU of the first link towards a destination, which bounds
// probes of the path; 0 if the host does not know it.
func (h *Host) linkMTU(dst netip.Addr, ifindex int, now int64) int {
	l := h.links.Load()
	if r, err := h.routes.get(dst, ifindex, now); err == nil {
		ifindex = r.IfIndex
	}
	if i := l.byIndex(ifindex); i != nil {
		return i.MTU
	}
	return l.minMTU
}

// Packets of this size pass every path: RFC 791 asks hosts to take 576 bytes,
// and RFC 8200 links to carry 1280. Of larger ones the route is asked, which
// may know of a narrow place behind the first link.
const (
	passes4 = 576
	passes6 = 1280
)

// fits reports whether a packet of n bytes is sent as it is, wherever it goes,
// so that nothing has to be looked up.
func (h *Host) fits(n int, v6 bool) bool {
	if h.caps.Fragments {
		return true
	}
	most := h.links.Load().minMTU
	if h.routes.router != nil && v6 {
		most = min(most, passes6)
	} else if h.routes.router != nil {
		most = min(most, passes4)
	}
	return n <= most && int64(n) <= h.paths.lowest.Load()
}

// commit stages the open slot's packet, in fragments if it is larger than the
// path's MTU. All of them are staged, or an error is returned; only if they
// are more than a batch may some be on their way then.
func (o *outbox) commit(s *Slot) error {
	n := len(s.ts.Data)
	o.short = o.short || n-s.hdr < 8
	if o.h.fits(n, s.ts.Data[0]>>4 == 6) {
		o.stage(s.b)
		return nil
	}
	dst, ifindex := destination(s.ts.Data), int(s.ts.IfIndex)
	mtu := 0
	if s.ts.Frag == FragProbe {
		mtu = o.h.linkMTU(dst, ifindex, o.time())
	} else {
		mtu = o.h.pathMTU(dst, ifindex, o.time())
	}
	if n <= mtu || mtu == 0 {
		o.stage(s.b)
		return nil
	}
	if s.ts.Frag == FragNever || s.ts.Frag == FragProbe {
		s.b.stats.sendDropped[transport.TooBig].Add(1)
		return &transport.TooBigError{Size: n, MTU: mtu}
	}
	// The slot is one of those that the fragments go to.
	o.whole = append(o.whole[:0], s.ts.Data...)
	id := uint32(0) // that of the packet
	if !s.ownID || o.whole[0]>>4 == 4 && o.whole[4] == 0 && o.whole[5] == 0 {
		id = o.h.ids.next(o.time(), o.whole)
	}
	if err := o.splitter.Split(o.whole, mtu, id, frag.SplitConfig{IgnoreDF: true, AnyMTU: true}); err != nil {
		s.b.stats.sendDropped[transport.TooBig].Add(1)
		return err
	}
	return o.cut(s, *s.ts)
}

// cut stages what the splitter yields; like is the slot of the whole packet.
func (o *outbox) cut(s *Slot, like transport.Slot) error {
	if o.n > 0 && o.n+o.splitter.Num() > o.max {
		if o.flushAll(); o.stuck {
			return transport.ErrNoSlots
		}
	}
	o.like, o.left, o.ahead = like, o.splitter.Num(), false
	o.like.Data = nil
	first, gone := o.n, o.gone
	err := o.cutOn(s.b)
	if err == nil || o.resumes && err == transport.ErrNoSlots && o.gone != gone {
		return err
	}
	o.left = 0
	first = max(0, first-(o.gone-gone)) // those staged before that are still here
	o.owners = o.owners[:first]
	o.n = first
	return err
}

// cutOn stages the fragments that are left, on behalf of b. It can be called again
// after ErrNoSlots.
func (o *outbox) cutOn(b *Binding) error {
	for o.left > 0 {
		if !o.ahead {
			o.splitter.Next()
			o.ahead = true
		}
		ts, err := o.next()
		if err != nil {
			return err
		}
		ts.Data = ts.Data[:o.splitter.Len()]
		if _, err := o.splitter.Copy(ts.Data); err != nil {
			return err // it has the room it asked for
		}
		o.left--
		o.ahead = false
		ts.IfIndex, ts.Frag, ts.Cookie = o.like.IfIndex, o.like.Frag, o.like.Cookie
		ts.Stamp = o.like.Stamp && o.left == 0
		o.stage(b)
	}
	return nil
}

// destination is the destination address of a packet with a complete header.
func destination(d []byte) netip.Addr {
	if d[0]>>4 == 6 {
		return netip.AddrFrom16([16]byte(d[24:40]))
	}
	return netip.AddrFrom4([4]byte(d[16:20]))
}
