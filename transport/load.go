// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"encoding/binary"

	"protean/proto/checksum"
	"protean/proto/wire"
)

// An Arrival is what a transport knows about a packet besides its bytes.
type Arrival struct {
	Time     int64  // Unix nanoseconds; the source is in Flags
	Len      uint32 // bytes from the IP header on the wire; 0: all of them are there
	IfIndex  int32
	FragSize uint16 // see Packet
	Flags    Flags
}

// Load makes p the packet at the start of b, after checking that its header
// can be trusted: version, header length, total length, the IPv4 header
// checksum unless FlagHeaderVerified is set, and the IPv6 extension header
// chain. It returns wire.NotMalformed, or else the reason, and p must not be
// used. p refers to b's memory; link-layer padding behind the packet is cut
// off. A packet longer than b is refused, unless Arrival.Len says that it was
// truncated when it was captured.
func (p *Packet) Load(b []byte, a Arrival) wire.Malformed {
	if len(b) < 20 {
		return wire.TooShort
	}
	// Nearly all packets of IPv4 are whole and without options. For them this is
	// one function that calls no other.
	switch {
	case b[0]>>4 != 4:
		return p.load6(b, a)
	case b[0] != 0x45:
		return p.loadOther(b, a)
	}
	h := (*[20]byte)(b) // one bounds check for all that follows
	total := int(binary.BigEndian.Uint16(h[2:4]))
	if total < 20 || total > len(b) {
		return p.loadOther(b, a)
	}
	if a.Flags&FlagHeaderVerified == 0 && checksum.SumHeader(h) != 0xffff {
		return wire.BadChecksum
	}
	meta := a.Flags&^flagsFound | Flags(h[9])
	if binary.BigEndian.Uint16(h[6:8])&moreOrOffset != 0 {
		meta |= flagFragment
	}
	p.Data = b[:total]
	p.time = a.Time
	p.Len = uint32(total)
	p.IfIndex = a.IfIndex
	p.FragSize = a.FragSize
	p.hdr = 20
	p.meta = meta
	return wire.NotMalformed
}

// moreOrOffset are the bits of the IPv4 flags and fragment offset that a fragment
// has: MF, or an offset.
const moreOrOffset = 0x3fff

// loadOther is Load for packets of IPv4 with options, or not whole.
//
//go:noinline
func (p *Packet) loadOther(b []byte, a Arrival) wire.Malformed {
	ihl := int(b[0]&15) * 4
	total := int(binary.BigEndian.Uint16(b[2:4]))
	meta := a.Flags&^flagsFound | Flags(b[9])
	switch {
	case ihl < 20:
		return wire.BadHeaderLen
	case total < ihl:
		return wire.BadTotalLen
	case total <= len(b):
		b = b[:total]
	case int(a.Len) < total || len(b) < ihl:
		return wire.Truncated
	default:
		meta |= flagTruncated
	}
	if a.Flags&FlagHeaderVerified == 0 && !checksum.Verify(b[:ihl]) {
		return wire.BadChecksum
	}
	if binary.BigEndian.Uint16(b[6:8])&moreOrOffset != 0 {
		meta |= flagFragment
	}
	p.Data = b
	p.time = a.Time
	p.Len = uint32(total)
	p.IfIndex = a.IfIndex
	p.FragSize = a.FragSize
	p.hdr = uint16(ihl)
	p.meta = meta
	return wire.NotMalformed
}

func (p *Packet) load6(b []byte, a Arrival) wire.Malformed {
	if b[0]>>4 != 6 {
		return wire.BadVersion
	}
	if len(b) < 40 {
		return wire.TooShort
	}
	payload := int(binary.BigEndian.Uint16(b[4:]))
	if payload == 0 && b[6] == wire.ExtHopByHop {
		return wire.Jumbogram
	}
	total := 40 + payload
	meta := a.Flags&^flagsFound | flagV6
	switch {
	case total <= len(b):
		b = b[:total]
	case int(a.Len) < total:
		return wire.Truncated
	default:
		meta |= flagTruncated
	}
	next, hdr := b[6], 40
	if extension(next) {
		var c wire.Chain
		if m := wire.WalkIPv6(b, &c); m != wire.NotMalformed {
			return m
		}
		if c.HeaderLen > 0xffff {
			return wire.ChainTooLong
		}
		next, hdr = c.Protocol, c.HeaderLen
		if c.More || c.FragOffset != 0 {
			meta |= flagFragment
		}
	}
	p.Data = b
	p.time = a.Time
	p.Len = uint32(total)
	p.IfIndex = a.IfIndex
	p.FragSize = a.FragSize
	p.hdr = uint16(hdr)
	p.meta = meta | Flags(next)
	return wire.NotMalformed
}

// extension reports whether next may be an extension header, so that the
// chain has to be walked (RFC 7045, section 2.2).
func extension(next uint8) bool {
	switch next {
	case 0, 43, 44, 51, 60, 135, 139, 140:
		return true
	}
	return false
}
