// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import "encoding/binary"

// An alike is the header of the latest packet of a Sender, ready to be written again:
// who sends in bulk sends most packets to where the one before went. It holds for one
// instant, in which the answers of routeCache do not change either, until the next change
// of a link.
type alike struct {
	of   Header // as the caller gave it
	hdr  int    // length of the header; 0: there is none
	most int    // bytes of payload
	now  int64  // host time of the instant
	gen  uint64 // of routeCache, from before the header was made

	choose  bool      // the identification is the host's
	ifindex int32     // chosen by a zone, or given
	words   [5]uint64 // the header, big-endian; of IPv4, two words and a half
}

// is reports whether a packet with header hd is as the one before.
func (a *alike) is(hd *Header) bool {
	return a.hdr != 0 && hd.Dst == a.of.Dst && hd.Src == a.of.Src && hd.IfIndex == a.of.IfIndex &&
		hd.Protocol == a.of.Protocol && hd.TTL == a.of.TTL && hd.TOS == a.of.TOS &&
		hd.ID == a.of.ID && hd.FlowLabel == a.of.FlowLabel && hd.Frag == a.of.Frag && hd.Exact == a.of.Exact &&
		len(hd.Options) == 0 && len(hd.Ext) == 0
}

// learn remembers the header of a slot that was opened for what the caller gave, if it
// went to where the one before went: who sends to one after the other pays next to nothing.
// gen is routeCache's from before that.
func (a *alike) learn(of *Header, s *Slot, gen uint64) {
	a.hdr = 0
	if of.Dst != a.of.Dst {
		a.of.Dst = of.Dst
		return
	}
	if len(of.Options) != 0 || len(of.Ext) != 0 {
		return
	}
	v6 := of.Dst.Is6()
	a.of, a.most, a.ifindex = *of, s.o.h.maxPayload(s.hdr, v6), s.ts.IfIndex
	a.choose = !v6 && !s.ownID
	a.now, a.gen = s.o.now, gen // the instant that the header was made in, also if what was staged went out meanwhile
	d := s.ts.Data
	for i := range a.words[:s.hdr/8] {
		a.words[i] = binary.BigEndian.Uint64(d[8*i:])
	}
	if !v6 {
		a.words[2] = uint64(binary.BigEndian.Uint32(d[16:])) << 32
	}
	a.hdr = s.hdr
}

// openAlike is reserveFor for a packet like the one before.
func (o *outbox) openAlike(a *alike, b *Binding, hd *Header, n int) (*Slot, error) {
	if o.slot.open {
		return nil, ErrSlotOpen
	}
	if n < 0 || n > a.most {
		return nil, o.h.tooBig(a.hdr+max(n, 0), a.hdr == 40)
	}
	ts, err := o.next()
	if err != nil {
		return nil, err
	}
	ts.Data = ts.Data[:a.hdr+n]
	be, d := binary.BigEndian, ts.Data
	if a.hdr == 40 {
		h := (*[40]byte)(d)
		for i, w := range a.words {
			be.PutUint64(h[8*i:], w)
		}
	} else {
		h, w := (*[20]byte)(d), a.words[0]
		if a.choose {
			w = w&^(0xffff<<16) | uint64(o.nextID(b))<<16
		}
		be.PutUint64(h[:], w)
		be.PutUint64(h[8:], a.words[1])
		be.PutUint32(h[16:], uint32(a.words[2]>>32))
	}
	ts.IfIndex, ts.Frag, ts.Stamp, ts.Cookie = a.ifindex, hd.Frag, hd.Stamp, hd.Cookie
	s := o.take(b, ts, a.hdr)
	s.ownID = a.hdr == 20 && !a.choose
	return s, nil
}
