// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"math/bits"
	"net/netip"

	"protean/transport"
)

// reserveFor opens the outbox's slot with the header in place and n bytes of
// payload, on behalf of b. It fills in what hd leaves to the host.
func (o *outbox) reserveFor(b *Binding, hd *Header, n int) (*Slot, error) {
	if o.slot.open {
		return nil, ErrSlotOpen
	}
	if err := hd.check(); err != nil {
		return nil, err
	}
	if hd.Protocol == 0 && !hd.Exact {
		if hd.Protocol = b.protocol(); hd.Protocol == 0 {
			return nil, &HeaderError{"Protocol", "is not given, and the binding is for all of them"}
		}
	}
	src, err := o.h.route(hd, o.time())
	if err != nil {
		return nil, err
	}
	return o.open(b, hd, src, n)
}

// open is reserve for a header that is complete.
func (o *outbox) open(b *Binding, hd *Header, src netip.Addr, n int) (*Slot, error) {
	hdr, v6 := hd.len(), hd.Dst.Is6()
	if n < 0 || n > o.h.maxPayload(hdr, v6) {
		return nil, o.h.tooBig(hdr+max(n, 0), v6)
	}
	ts, err := o.next()
	if err != nil {
		return nil, err
	}
	ts.Data = ts.Data[:hdr+n]
	if v6 {
		if err := hd.put6(ts.Data, src); err != nil {
			return nil, err
		}
	} else {
		id := uint16(hd.ID)
		if id == 0 && !hd.Exact {
			id = o.nextID(b)
		}
		hd.put4(ts.Data, src, id)
	}
	ts.IfIndex, ts.Frag, ts.Stamp, ts.Cookie = int32(hd.IfIndex), hd.Frag, hd.Stamp, hd.Cookie
	s := o.take(b, ts, hdr)
	s.ownID = !v6 && (hd.ID != 0 || hd.Exact)
	return s, nil
}

// nextID returns an IPv4 identification other than 0 for a packet of b. They come from
// a counter that starts at random and goes through all of them before one comes back, in an
// order that cannot be told from those seen. A Sender takes 1, 2, 4 ... 64 at once, since an
// atomic addition waits for all stores before it: few are lost with one that sends little.
// What it took long ago may come soon after another has used it again; that matters only to
// who cuts packets on the way.
func (o *outbox) nextID(b *Binding) uint16 {
	for {
		if o.ids == 0 {
			o.ids = o.idsAtOnce
			o.id = b.ids.Add(o.ids) - o.ids
			if o.bulk {
				o.idsAtOnce = min(2*o.idsAtOnce, 64)
			}
		}
		o.id++
		o.ids--
		if id := scramble(b.idKey, uint16(o.id)); id != 0 {
			return id
		}
	}
}

// scramble is a permutation of the 16-bit numbers: four rounds of a Feistel network. Errors
// are matched by the identification as well, so that one is not to follow from another.
func scramble(key uint64, n uint16) uint16 {
	l, r := uint8(n>>8), uint8(n)
	for range 4 {
		l, r = r, l^uint8((uint32(r)^uint32(key)&0xff)*(uint32(key>>8)|1)>>16)
		key = bits.RotateLeft64(key, 19)
	}
	return uint16(l)<<8 | uint16(r)
}

// take makes ts the open slot.
func (o *outbox) take(b *Binding, ts *transport.Slot, hdr int) *Slot {
	s := &o.slot
	s.b, s.ts, s.hdr, s.open, s.ownID = b, ts, hdr, true, true
	return s
}

// copyPacket opens a slot that holds a copy of p as it is, to go out through
// an interface.
func (o *outbox) copyPacket(b *Binding, ifindex int, p *Packet) (*Slot, error) {
	if o.slot.open {
		return nil, ErrSlotOpen
	}
	if len(p.Data) > o.h.caps.MaxPacket {
		return nil, o.h.tooBig(len(p.Data), p.Is6())
	}
	ts, err := o.next()
	if err != nil {
		return nil, err
	}
	ts.Data = append(ts.Data[:0], p.Data...)
	completeSum(ts.Data, p)
	ts.IfIndex, ts.Frag, ts.Stamp, ts.Cookie = int32(ifindex), FragAllow, false, 0
	if p.DontFragment() {
		ts.Frag = FragNever // RFC 791, RFC 8200: it is not for those on the way to cut it
	}
	return o.take(b, ts, p.HeaderLen()), nil
}
