// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"encoding/binary"

	"protean/proto/wire"
)

// A layout6 says where an IPv6 packet can be cut.
type layout6 struct {
	frag int  // where the fragment header goes: the end of what every fragment repeats
	next int  // where the next header field in front of it is
	has  bool // it is there already
}

// read reads the header chain. Every fragment repeats the hop-by-hop options
// and the routing header, and all that is in front of the latter; everything
// behind is cut (RFC 8200 section 4.5).
func (l *layout6) read(packet []byte) wire.Malformed {
	*l = layout6{frag: wire.IPv6HeaderLen, next: 6}
	it := wire.NewExtIterator(packet[6], packet[wire.IPv6HeaderLen:])
	next := 6
	for it.Protocol() < wire.ExtMobility && it.Next() {
		h := it.Header()
		at := wire.IPv6HeaderLen + h.Offset
		switch {
		case l.has:
		case h.Type == wire.ExtFragment:
			l.frag, l.next, l.has = at, next, true
		case h.Type == wire.ExtHopByHop, h.Type == wire.ExtRouting:
			l.frag, l.next = at+len(h.Bytes), at
		}
		next = at
	}
	return it.Err()
}

func (s *Splitter) split6(packet []byte, mtu int, id uint32, c SplitConfig) error {
	switch {
	case len(packet) < wire.IPv6HeaderLen:
		return wire.TooShort
	case len(packet) > wire.IPv6HeaderLen+0xffff:
		return ErrTooLong
	case wire.IPv6(packet).PayloadLen()+wire.IPv6HeaderLen != len(packet):
		return wire.BadTotalLen
	case mtu < MinMTU6 && !c.AnyMTU:
		return ErrMTU
	}
	s.v6 = true
	if len(packet) <= mtu {
		s.whole(packet, wire.IPv6HeaderLen)
		return nil
	}
	var l layout6
	if bad := l.read(packet); bad != wire.NotMalformed {
		return bad
	}
	hdr := l.frag + wire.IPv6FragmentLen
	first := packet[l.next]
	s.data = packet[l.frag:]
	if l.has {
		h := wire.IPv6Fragment(packet[l.frag:])
		s.base, s.more, first = h.Offset(), h.More(), h.NextHeader()
		if id == 0 || !h.IsAtomic() {
			id = h.ID()
		}
		s.data = packet[hdr:]
	}
	s.room[0] = mtu - hdr
	s.size[0] = s.room[0] &^ 7
	s.room[1], s.size[1] = s.room[0], s.size[0]
	switch {
	case id == 0:
		return ErrNoID
	case s.size[0] < 8:
		return ErrMTU
	case s.more && len(s.data)&7 != 0:
		return ErrUnaligned
	case s.base+len(s.data) > 0xffff:
		return ErrTooLong
	}
	if s.base == 0 {
		chain, v := chainLen(first, s.data)
		if v != Held || chain > s.size[0] {
			return ErrChain
		}
		s.least = (chain + 7) &^ 7
	}
	s.later = append(s.long(hdr), packet[:l.frag]...)
	s.later[l.next] = wire.ExtFragment
	s.later = append(s.later, first, 0, 0, 0)
	s.later = binary.BigEndian.AppendUint32(s.later, id)
	return nil
}

// long returns an empty slice with room for a header of n bytes.
func (s *Splitter) long(n int) []byte {
	if n <= len(s.inline) {
		return s.inline[:0]
	}
	if cap(s.spare) < n {
		s.spare = make([]byte, 0, n)
	}
	return s.spare[:0]
}

// header6 makes the headers of n bytes of data at off.
func (s *Splitter) header6(off, n int, more bool) {
	h := s.later
	word := uint16(s.base + off)
	if more {
		word |= 1
	}
	binary.BigEndian.PutUint16(h[4:], uint16(len(h)-wire.IPv6HeaderLen+n))
	binary.BigEndian.PutUint16(h[len(h)-6:], word)
	s.head = h
}
