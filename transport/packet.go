// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// A Packet is one received IP packet and what is known about its arrival. Its
// memory belongs to the transport and is valid until [Sink].Deliver returns;
// so are the slices its methods return.
//
// The header was validated by [Packet.Load]: no method panics, whatever the
// bytes. It has 48 bytes, so that it stays in one cache line.
type Packet struct {
	// Data is the packet from its IP header on, cut to the length its header
	// gives. It is shorter than Len if the packet was truncated.
	Data []byte

	time int64 // Unix nanoseconds

	// Len is the length of the IP packet by its own header, in bytes.
	Len uint32

	// IfIndex is the interface the packet came from; 0 if not known.
	IfIndex int32

	// FragSize is the length of the largest fragment the packet was
	// reassembled from, IP header included, as for IP_RECVFRAGSIZE; 0 if it
	// came in one piece or if that is not known. A packet that is one fragment alone, an
	// atomic one (RFC 6946), is either: the kernel counts it.
	FragSize uint16

	hdr  uint16 // header length with options or extension headers
	meta Flags  // see flagsFound
}

// Version returns 4 or 6.
func (p *Packet) Version() int {
	if p.meta&flagV6 != 0 {
		return 6
	}
	return 4
}

// Is6 reports whether this is an IPv6 packet.
func (p *Packet) Is6() bool { return p.meta&flagV6 != 0 }

// Protocol returns the IPv4 protocol, or the next header that ends the IPv6
// extension header chain. For an IPv6 fragment it is the next header given in
// the fragment header.
func (p *Packet) Protocol() uint8 { return uint8(p.meta) }

// HeaderLen returns the length of the IP header with options or extension
// headers, in bytes.
func (p *Packet) HeaderLen() int { return int(p.hdr) }

// Header returns the IP header with options or extension headers.
func (p *Packet) Header() []byte { return p.Data[:p.hdr] }

// Payload returns what follows the header.
func (p *Packet) Payload() []byte { return p.Data[p.hdr:] }

// Src returns the source address, without a zone.
func (p *Packet) Src() netip.Addr {
	if p.meta&flagV6 != 0 {
		return netip.AddrFrom16([16]byte(p.Data[8:24]))
	}
	return netip.AddrFrom4([4]byte(p.Data[12:16]))
}

// Dst returns the destination address, without a zone.
func (p *Packet) Dst() netip.Addr {
	if p.meta&flagV6 != 0 {
		return netip.AddrFrom16([16]byte(p.Data[24:40]))
	}
	return netip.AddrFrom4([4]byte(p.Data[16:20]))
}

// TTL returns the time to live or hop limit.
func (p *Packet) TTL() uint8 {
	if p.meta&flagV6 != 0 {
		return p.Data[7]
	}
	return p.Data[8]
}

// TOS returns the IPv4 type of service or the IPv6 traffic class: DSCP in the
// upper six bits, ECN in the lower two.
func (p *Packet) TOS() uint8 {
	if p.meta&flagV6 != 0 {
		return p.Data[0]<<4 | p.Data[1]>>4
	}
	return p.Data[1]
}

// ID returns the IPv4 identification; 0 for IPv6, where only fragments have
// one.
func (p *Packet) ID() uint16 {
	if p.meta&flagV6 != 0 {
		return 0
	}
	return binary.BigEndian.Uint16(p.Data[4:])
}

// DontFragment reports the IPv4 DF flag; true for IPv6, which routers never
// fragment.
func (p *Packet) DontFragment() bool { return p.meta&flagV6 != 0 || p.Data[6]&0x40 != 0 }

// FlowLabel returns the IPv6 flow label, 20 bits; 0 for IPv4.
func (p *Packet) FlowLabel() uint32 {
	if p.meta&flagV6 == 0 {
		return 0
	}
	return binary.BigEndian.Uint32(p.Data) & 0xfffff
}

// Options returns the IPv4 options with their padding; nil if there are none.
func (p *Packet) Options() []byte {
	if p.meta&flagV6 != 0 || p.hdr <= 20 {
		return nil
	}
	return p.Data[20:p.hdr]
}

// Ext returns the IPv6 extension headers, the first of which has the type
// Data[6]; nil if there are none.
func (p *Packet) Ext() []byte {
	if p.meta&flagV6 == 0 || p.hdr <= 40 {
		return nil
	}
	return p.Data[40:p.hdr]
}

// Fragment reports whether the packet is a fragment of a larger one. An IPv6
// packet with a fragment header that makes no fragment of it (RFC 6946) is
// none.
func (p *Packet) Fragment() bool { return p.meta&flagFragment != 0 }

// Truncated reports whether Data ends before the packet did.
func (p *Packet) Truncated() bool { return p.meta&flagTruncated != 0 }

// VLAN reports whether the frame carried a VLAN tag.
func (p *Packet) VLAN() bool { return p.meta&FlagVLAN != 0 }

// Merged reports whether the packet is known to stand for several segments of TCP or
// UDP: see [FlagMerged].
func (p *Packet) Merged() bool { return p.meta&FlagMerged != 0 }

// Type returns to whom the link delivered the frame.
func (p *Packet) Type() PacketType { return PacketType(p.meta>>typeShift) & 7 }

// Checksum returns what is known of the payload's checksum.
func (p *Packet) Checksum() ChecksumState { return ChecksumState(p.meta>>sumShift) & 3 }

// Time returns when the packet arrived, on the wall clock of the transport;
// the zero Time if that is not known.
func (p *Packet) Time() time.Time {
	if p.meta>>timeShift&3 == Flags(TimeNone) {
		return time.Time{}
	}
	return time.Unix(0, p.time)
}

// UnixNano returns the arrival time in nanoseconds since 1970, 0 if not known.
func (p *Packet) UnixNano() int64 { return p.time }

// TimeSource returns who took the arrival time.
func (p *Packet) TimeSource() TimeSource { return TimeSource(p.meta>>timeShift) & 3 }

// Known reports whether all the given header fields are as they were on the
// wire. Where the kernel strips the header, the transport rebuilds it, and a
// field that the kernel does not tell holds a zero and is not known.
func (p *Packet) Known(f Field) bool { return Field(p.meta>>unknownShift)&f == 0 }

// Clone returns a copy that shares nothing with p.
func (p *Packet) Clone() *Packet {
	c := *p
	c.Data = slices.Clone(p.Data)
	return &c
}
