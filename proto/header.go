// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/wire"
	"protean/transport"
)

// FragMode says what may be done with a packet larger than the path carries;
// see [transport.FragMode].
type FragMode = transport.FragMode

// The modes.
const (
	FragAuto  = transport.FragAuto  // don't-fragment is set; the sender may fragment
	FragAllow = transport.FragAllow // sender and routers may fragment
	FragNever = transport.FragNever // nobody may; too big is an error
	FragProbe = transport.FragProbe // as FragNever, and the known path MTU is not looked at
)

// A Header says how a packet is to be sent. A zero field means that the host
// chooses, unless Exact is set.
type Header struct {
	// Src is the source address; chosen: that of the route, or of the outgoing
	// interface.
	Src netip.Addr

	// Dst is the destination address, required. Its zone, if any, names the
	// outgoing interface.
	Dst netip.Addr

	// IfIndex is the outgoing interface; chosen: by the route. Multicast,
	// broadcast and link-local destinations need it, or a zone.
	IfIndex int

	Protocol uint8 // chosen: the binding's first protocol
	TTL      uint8 // or hop limit; chosen: 64, and 1 for multicast
	TOS      uint8 // type of service or traffic class: DSCP and ECN

	ID        uint32 // IPv4 identification; chosen: pseudo-random and not 0
	FlowLabel uint32 // IPv6 flow label, 20 bits
	Frag      FragMode

	Options []byte     // IPv4 options, padded to 4 bytes with end-of-list
	Ext     []wire.Ext // IPv6 extension headers, in order

	Exact bool // zeros are values: Protocol, TTL, ID and Src are sent as they are

	Stamp  bool   // ask for a transmit stamp, which comes to the SentHandler
	Cookie uint64 // names the packet in Sent and NetworkError
}

// len is the length of the IP header with options or extension headers.
func (hd *Header) len() int {
	if hd.Dst.Is4() {
		return 20 + (len(hd.Options)+3)&^3
	}
	return 40 + wire.ExtLen(hd.Ext)
}

// check refuses what cannot be put into a header.
func (hd *Header) check() error {
	switch {
	case !hd.Dst.IsValid():
		return &HeaderError{"Dst", "is not valid"}
	case hd.Dst.IsUnspecified():
		return &HeaderError{"Dst", "is the unspecified address"}
	case hd.Dst.Is4In6() || hd.Src.Is4In6():
		return &HeaderError{"Dst", "is an IPv4-mapped IPv6 address; unmap it"}
	case hd.Src.IsValid() && hd.Src.Is4() != hd.Dst.Is4():
		return &HeaderError{"Src", "is of another family than Dst"}
	case len(hd.Options) > 40:
		return &HeaderError{"Options", "are longer than 40 bytes"}
	case hd.Dst.Is4() && (len(hd.Ext) != 0 || hd.FlowLabel != 0):
		return &HeaderError{"Ext", "or FlowLabel is set for an IPv4 packet"}
	case hd.Dst.Is6() && len(hd.Options) != 0:
		return &HeaderError{"Options", "are set for an IPv6 packet"}
	case hd.FlowLabel > 0xfffff:
		return &HeaderError{"FlowLabel", "is longer than 20 bits"}
	case hd.ID > 0xffff:
		return &HeaderError{"ID", "is longer than 16 bits"}
	case hd.Frag > FragProbe:
		return &HeaderError{"Frag", "is not a mode"}
	}
	return nil
}

// put4 writes the IPv4 header into d, whose length is the packet's. The total
// length and the checksum are left to Slot.Commit.
func (hd *Header) put4(d []byte, src netip.Addr, id uint16) {
	ihl := 20 + (len(hd.Options)+3)&^3
	df := uint64(0x4000)
	if hd.Frag == FragAllow {
		df = 0
	}
	h, s, t := (*[20]byte)(d), src.As4(), hd.Dst.As4()
	// As long words, since complete is about to read such: a load has to wait for
	// the stores of its parts to get to the cache.
	binary.BigEndian.PutUint64(h[:], uint64(0x40|ihl/4)<<56|uint64(hd.TOS)<<48|uint64(id)<<16|df)
	binary.BigEndian.PutUint64(h[8:], uint64(hd.ttl())<<56|uint64(hd.Protocol)<<48|uint64(binary.BigEndian.Uint32(s[:])))
	copy(h[16:], t[:])
	if ihl > 20 {
		clear(d[20+copy(d[20:ihl], hd.Options) : ihl])
	}
}

// put6 writes the IPv6 header and the extension headers.
func (hd *Header) put6(d []byte, src netip.Addr) error {
	next, _, err := wire.MarshalExt(d[40:], hd.Ext, hd.Protocol)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(d, 6<<28|uint32(hd.TOS)<<20|hd.FlowLabel)
	d[6], d[7] = next, hd.ttl()
	s, t := src.As16(), hd.Dst.As16()
	copy(d[8:24], s[:])
	copy(d[24:40], t[:])
	return nil
}

func (hd *Header) ttl() uint8 {
	switch {
	case hd.TTL != 0 || hd.Exact:
		return hd.TTL
	case hd.Dst.IsMulticast():
		return 1 // RFC 1112, section 6.1
	default:
		return 64 // RFC 1700
	}
}

// needsInterface reports whether dst means something different on each
// interface.
func needsInterface(dst netip.Addr) bool {
	if dst.Is4() { // as below, in 3 ns instead of 9
		b := dst.As4()
		a := binary.BigEndian.Uint32(b[:])
		return a>>28 == 0xe || a>>16 == 0xa9fe || a == 0xffffffff
	}
	return dst.IsMulticast() || dst.IsLinkLocalUnicast()
}

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// route fills in what hd leaves to the host: the outgoing interface of a zone
// and the source address.
func (h *Host) route(hd *Header, now int64) (src netip.Addr, err error) {
	if zone := hd.Dst.Zone(); zone != "" {
		i := h.links.Load().byName(zone)
		if i == nil {
			return src, &HeaderError{"Dst", "has a zone that names no interface"}
		}
		hd.Dst = hd.Dst.WithZone("")
		if hd.IfIndex != 0 && hd.IfIndex != i.Index {
			return src, &HeaderError{"IfIndex", "is another interface than the zone of Dst"}
		}
		hd.IfIndex = i.Index
	}
	if hd.IfIndex == 0 && needsInterface(hd.Dst) {
		return src, ErrNeedInterface
	}
	if hd.Src.IsValid() {
		return hd.Src, nil
	}
	if hd.Exact {
		return unspecified(hd.Dst), nil
	}
	return h.source(hd.Dst, hd.IfIndex, now)
}

// source chooses the source address for a destination.
func (h *Host) source(dst netip.Addr, ifindex int, now int64) (netip.Addr, error) {
	if h.routes.router != nil {
		r, err := h.routes.get(dst, ifindex, now)
		if err != nil {
			return netip.Addr{}, err
		}
		if r.Src.IsValid() && r.Src.Is4() == dst.Is4() {
			return r.Src.WithZone(""), nil
		}
	}
	if a := h.links.Load().source(dst, ifindex); a.IsValid() {
		return a, nil
	}
	if dst.Is4() {
		return unspecified(dst), nil // the kernel fills it in, raw(7)
	}
	return netip.Addr{}, &HeaderError{"Src", "is not given, and no interface has an address to take"}
}

func unspecified(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// maxPayload is the most a packet can carry behind a header of hdr bytes.
func (h *Host) maxPayload(hdr int, v6 bool) int {
	room := h.caps.MaxPacket
	if v6 {
		room = min(room, 40+0xffff)
	} else {
		room = min(room, 0xffff)
	}
	return room - hdr
}

func (h *Host) tooBig(size int, v6 bool) error {
	return &transport.TooBigError{Size: size, MTU: h.maxPayload(0, v6)}
}
