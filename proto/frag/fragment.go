// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"encoding/binary"

	"protean/proto/wire"
)

// A key is what fragments of one datagram have in common: RFC 791 section 3.2
// for IPv4, RFC 8200 section 4.5 for IPv6, where the protocol does not count.
// It has no padding, so that comparing and hashing it is one run over memory.
type key struct {
	src, dst [16]byte
	id       uint32
	scope    uint32 // interface, of IPv6 destinations that mean one per link
	zone     uint16
	protocol uint8 // IPv4 only
	version  uint8
}

// is reports whether the keys are the same, as == does with a call for it.
func (k *key) is(o *key) bool {
	return k.id == o.id && k.src == o.src && k.dst == o.dst && k.scope == o.scope && k.zone == o.zone && k.protocol == o.protocol && k.version == o.version
}

// A fragment is a received fragment, read.
type fragment struct {
	key  key
	b    []byte // from the IP header to the end of the data
	hdr  int    // bytes in front of the data
	off  int    // of the data in that of the datagram
	end  int    // off plus the length of the data
	more bool
	df   bool
	ecn  uint8
	ttl  uint8
	frag int // IPv6: where the fragment header is
	next int // IPv6: where the next header field is that says so
}

// data returns the data.
func (f *fragment) data() []byte { return f.b[f.hdr : f.hdr+f.end-f.off] }

// parse reads the fragment b; Held means that it is one.
func (f *fragment) parse(b []byte, m *Meta) Verdict {
	if len(b) < wire.IPv4HeaderLen {
		return BadHeader
	}
	switch b[0] >> 4 {
	case 4:
		return f.parse4(b, m)
	case 6:
		return f.parse6(b, m)
	}
	return BadHeader
}

func (f *fragment) parse4(b []byte, m *Meta) Verdict {
	ip := wire.IPv4(b)
	hdr, total := ip.HeaderLen(), ip.TotalLen()
	if hdr < wire.IPv4HeaderLen || total < hdr || total > len(b) {
		return BadHeader
	}
	word := binary.BigEndian.Uint16(b[6:])
	if word&0x3fff == 0 {
		return Whole
	}
	f.b, f.hdr = b[:total], hdr
	f.off = int(word&0x1fff) * 8
	f.end = f.off + total - hdr
	f.more = word&0x2000 != 0
	f.df = word&0x4000 != 0
	f.ecn = b[1] & 3
	f.ttl = b[8]
	copy(f.key.src[:4], b[12:16])
	copy(f.key.dst[:4], b[16:20])
	f.key.id = uint32(binary.BigEndian.Uint16(b[4:]))
	f.key.zone = m.Zone
	f.key.protocol = b[9]
	f.key.version = 4
	return Held
}

func (f *fragment) parse6(b []byte, m *Meta) Verdict {
	if len(b) < wire.IPv6HeaderLen {
		return BadHeader
	}
	ip := wire.IPv6(b)
	total := wire.IPv6HeaderLen + ip.PayloadLen()
	if total > len(b) {
		return BadHeader
	}
	b = b[:total]
	if v := f.findHeader(b); v != Held {
		return v
	}
	h := wire.IPv6Fragment(b[f.frag:])
	f.b, f.hdr = b, f.frag+wire.IPv6FragmentLen
	f.off = h.Offset()
	f.end = f.off + total - f.hdr
	f.more = h.More()
	f.ecn = b[1] >> 4 & 3
	f.ttl = b[7]
	f.key.src = [16]byte(b[8:24])
	f.key.dst = [16]byte(b[24:40])
	f.key.id = h.ID()
	f.key.zone = m.Zone
	f.key.version = 6
	// A link-local or multicast address means something else on every link
	// (RFC 4007 section 9).
	if d := &f.key.dst; d[0] == 0xff || d[0] == 0xfe && d[1]&0xc0 == 0x80 {
		f.key.scope = uint32(m.IfIndex)
	}
	if f.off == 0 {
		return wholeChain(h.NextHeader(), b[f.hdr:])
	}
	return Held
}

// findHeader looks for the fragment header and sets frag and next. A header
// that makes no fragment is stepped over, but not with another behind it: no
// sender has a reason for two.
func (f *fragment) findHeader(b []byte) Verdict {
	next := 6
	seen := false
	it := wire.NewExtIterator(b[6], b[wire.IPv6HeaderLen:])
	for it.Next() {
		h := it.Header()
		at := wire.IPv6HeaderLen + h.Offset
		if h.Type == wire.ExtFragment {
			if seen {
				return Nested
			}
			seen = true
			if !wire.IPv6Fragment(h.Bytes).IsAtomic() {
				f.frag, f.next = at, next
				return Held
			}
		}
		next = at
	}
	if it.Err() != wire.NotMalformed {
		return BadHeader
	}
	return Whole
}

// wholeChain checks that the data of a first fragment, which starts with a
// header of type next, holds all headers up to and including the upper-layer
// header (RFC 7112).
func wholeChain(next uint8, data []byte) Verdict {
	n, v := chainLen(next, data)
	if v == Held && n > len(data) {
		return ShortChain
	}
	return v
}

// chainLen returns the length of the headers up to and including the
// upper-layer header; ShortChain if already another header is cut off. How long
// the header of an unknown protocol is nobody can tell; like Linux it counts
// one byte.
func chainLen(next uint8, data []byte) (int, Verdict) {
	it := wire.NewExtIterator(next, data)
	for it.Protocol() < wire.ExtMobility && it.Next() {
		if it.Header().Type == wire.ExtFragment {
			return 0, Nested
		}
	}
	if it.Err() != wire.NotMalformed {
		return 0, ShortChain
	}
	return it.Offset() + leastUpperHeader(it.Protocol()), Held
}

// leastUpperHeader returns the length of the fixed header of a protocol.
func leastUpperHeader(protocol uint8) int {
	switch protocol {
	case wire.ProtoTCP:
		return 20
	case wire.ProtoUDP, wire.ProtoICMPv6:
		return 8
	}
	return 1
}
