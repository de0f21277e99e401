// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"encoding/binary"

	"protean/proto/checksum"
	"protean/proto/wire"
)

func (s *Splitter) split4(packet []byte, mtu int, id uint32, c SplitConfig) error {
	ip := wire.IPv4(packet)
	hdr := ip.HeaderLen()
	switch {
	case hdr < wire.IPv4HeaderLen:
		return wire.BadHeaderLen
	case len(packet) > wire.IPv4MaxLen:
		return ErrTooLong
	case ip.TotalLen() != len(packet) || hdr > len(packet):
		return wire.BadTotalLen
	case mtu < MinMTU4 && !c.AnyMTU:
		return ErrMTU
	}
	s.v6 = false
	if len(packet) <= mtu {
		s.whole(packet, hdr)
		return nil
	}
	if ip.DontFragment() && !c.IgnoreDF {
		return &TooBigError{Size: len(packet), MTU: mtu}
	}
	if id == 0 || ip.IsFragment() {
		id = uint32(ip.ID())
	}
	if uint16(id) == 0 {
		return ErrNoID
	}
	s.base, s.more = ip.FragmentOffset(), ip.MoreFragments()
	s.data = packet[hdr:]
	if s.more && len(s.data)&7 != 0 {
		return ErrUnaligned
	}
	if s.base+len(s.data) > 0xffff {
		return ErrTooLong
	}
	s.first = append(s.inline[:0:wire.IPv4MaxHeaderLen], packet[:hdr]...)
	s.later = append(s.inline[wire.IPv4MaxHeaderLen:wire.IPv4MaxHeaderLen], packet[:wire.IPv4HeaderLen]...)
	if hdr > wire.IPv4HeaderLen {
		var err error
		if s.later, err = copiedOptions(s.later, packet[wire.IPv4HeaderLen:hdr], c.CompactOptions); err != nil {
			return err
		}
	}
	for k, h := range [2][]byte{s.first, s.later} {
		h[0] = 4<<4 | uint8(len(h)/4)
		clear(h[2:4])
		binary.BigEndian.PutUint16(h[4:], uint16(id))
		clear(h[6:8])
		clear(h[10:12])
		s.sum[k] = uint32(checksum.Sum(h))
		s.room[k] = mtu - len(h)
		s.size[k] = s.room[k] &^ 7
		if s.size[k] < 8 {
			return ErrMTU
		}
	}
	return nil
}

// header4 makes the header of n bytes of data at off. The sum of the template
// is known; three words change (RFC 1624).
func (s *Splitter) header4(off, n int, more bool) {
	h, sum := s.later, s.sum[1]
	if off == 0 {
		h, sum = s.first, s.sum[0]
	}
	total := uint16(len(h) + n)
	word := uint16((s.base + off) >> 3)
	if more {
		word |= 0x2000
	}
	sum += uint32(total) + uint32(word)
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(h[2:], total)
	binary.BigEndian.PutUint16(h[6:], word)
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum))
	s.head = h
}

// copiedOptions appends to h the options that go into fragments behind the
// first: those with the copied flag (RFC 791 section 3.1). The others are left
// out if compact, or else replaced by as many no operation options.
func copiedOptions(h, options []byte, compact bool) ([]byte, error) {
	it := wire.NewIPv4OptionIterator(options)
	for it.Next() {
		o := it.Option()
		b := options[o.Offset : o.Offset+o.Len()]
		switch {
		case o.Copied():
			h = append(h, b...)
		case !compact:
			for range b {
				h = append(h, wire.IPv4OptNop)
			}
		}
	}
	if bad := it.Err(); bad != wire.NotMalformed {
		return nil, bad
	}
	for !compact && len(h) < wire.IPv4HeaderLen+len(options) || len(h)&3 != 0 {
		h = append(h, wire.IPv4OptEnd)
	}
	return h, nil
}
