// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"protean/proto/checksum"
	"protean/proto/wire"
)

// A parsed packet is what translators look at.
type parsed struct {
	header
	src, dst         netip.Addr
	kind             portKind
	srcPort, dstPort uint16

	// The packet that an ICMP error quotes; see quote.
	quoteAt                      int
	quotedHeader                 header
	quotedKind                   portKind
	quotedSrc, quotedDst         netip.Addr
	quotedProtocol               uint8
	quotedSrcPort, quotedDstPort uint16
}

// parse reports whether b can be understood as a packet.
func (p *parsed) parse(b []byte) bool {
	if !p.header.parse(b) {
		return false
	}
	p.src, p.dst = addresses(b, p.v6)
	if p.first {
		p.kind = kindOf(p.protocol, b[p.len:])
		p.srcPort, p.dstPort = portsOf(p.kind, b[p.len:])
	}
	return true
}

// quote parses what an ICMP error quotes, and reports whether it can be
// understood.
func (p *parsed) quote(b []byte) bool {
	p.quoteAt = p.len + 8
	q := b[p.quoteAt:]
	h := &p.quotedHeader
	if !h.parse(q) || h.v6 != p.v6 || !h.first {
		return false
	}
	p.quotedProtocol = h.protocol
	p.quotedSrc, p.quotedDst = addresses(q, h.v6)
	p.quotedKind = kindOf(h.protocol, q[h.len:])
	p.quotedSrcPort, p.quotedDstPort = portsOf(p.quotedKind, q[h.len:])
	return true
}

func addresses(b []byte, v6 bool) (src, dst netip.Addr) {
	if v6 {
		return netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	}
	return netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
}

// rewrite gives the packet another source, or another destination, and with
// ports set another port or identifier there. What an error quotes goes the
// other way, and so does the change to it.
func (p *parsed) rewrite(b []byte, source bool, addr netip.Addr, port uint16, ports bool) {
	if p.kind == icmpError {
		message := b[p.len:]
		old := checksum.Sum(message[4:])
		rewritePacket(b[p.quoteAt:], &p.quotedHeader, p.quotedKind, !source, addr, port, ports)
		fix(message, 2, old, checksum.Sum(message[4:]))
	}
	rewritePacket(b, &p.header, p.kind, source, addr, port, ports)
}

// rewritePacket rewrites one packet, or what there is of a quoted one.
func rewritePacket(b []byte, h *header, k portKind, source bool, addr netip.Addr, port uint16, ports bool) {
	at, n := 12, 4
	if h.v6 {
		at, n = 8, 16
	}
	if !source {
		at += n
	}
	old := checksum.Sum(b[at : at+n])
	if h.v6 {
		a := addr.As16()
		copy(b[at:], a[:])
	} else {
		a := addr.As4()
		copy(b[at:], a[:])
	}
	changed := checksum.Sum(b[at : at+n])
	if !h.v6 {
		fix(b, 10, old, changed)
	}
	if !h.first {
		return
	}
	payload := b[h.len:]
	sum := checksumAt(h.protocol)
	switch {
	case h.protocol == wire.ProtoICMP && k == echoID:
		sum, old, changed = 2, 0, 0 // it does not cover the addresses
	case (h.protocol == wire.ProtoUDP || h.protocol == protoUDPLite) && len(payload) >= 8 && payload[6]|payload[7] == 0:
		sum = -1 // there is none
	}
	if ports && k != noPorts && k != unusable && k != icmpError {
		at := 4
		if k == bothPorts {
			if at = 2; source {
				at = 0
			}
		}
		old = checksum.Combine(old, binary.BigEndian.Uint16(payload[at:]))
		changed = checksum.Combine(changed, port)
		if h.protocol == protoSCTP {
			setSCTPPort(payload, at, port, h.fragment)
		} else {
			binary.BigEndian.PutUint16(payload[at:], port)
		}
	}
	if sum < 0 || len(payload) < sum+2 {
		return
	}
	fix(payload, sum, old, changed)
	if (h.protocol == wire.ProtoUDP || h.protocol == protoUDPLite) && payload[6]|payload[7] == 0 {
		payload[6], payload[7] = 0xff, 0xff
	}
}

// fix brings the checksum at an offset up to date after a part of what it
// covers has changed, given the sums of that part.
func fix(b []byte, at int, old, changed uint16) {
	binary.BigEndian.PutUint16(b[at:], checksum.Update16(binary.BigEndian.Uint16(b[at:]), old, changed))
}

// setSCTPPort sets a port of an SCTP packet and its CRC32c (RFC 9260, appendix
// A), which covers all of the packet but no addresses, unless it was wrong or
// cannot be known.
func setSCTPPort(b []byte, at int, port uint16, fragment bool) {
	whole := len(b) >= 12 && !fragment && crcSCTP(b) == binary.LittleEndian.Uint32(b[8:])
	binary.BigEndian.PutUint16(b[at:], port)
	if whole {
		binary.LittleEndian.PutUint32(b[8:], crcSCTP(b))
	}
}

// crcSCTP computes the CRC32c of an SCTP packet with zeros in its place.
func crcSCTP(b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // the same one every time
	c := crc32.Update(0, table, b[:8])
	c = crc32.Update(c, table, make([]byte, 4))
	return crc32.Update(c, table, b[12:])
}
