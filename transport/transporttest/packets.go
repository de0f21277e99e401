// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/checksum"
	"protean/transport"
)

// The protocols for experiments and testing (RFC 3692), and the marks in the
// payloads of a trial.
const (
	proto1 = 253
	proto2 = 254

	tagLen  = 8
	markLen = tagLen + 4 // the tag and a sequence number
)

// A datagram is an IP packet to be built. It is built here by hand, so that no
// code under test is needed to test it.
type datagram struct {
	src, dst netip.Addr
	protocol uint8
	ttl, tos uint8
	id       uint16 // IPv4
	df       bool   // IPv4
	flow     uint32 // IPv6
	options  []byte // IPv4, a multiple of 4 bytes
	ext      []byte // IPv6, one header; its own next header field is filled in
	extType  uint8  // type of ext
	payload  []byte
}

// datagram returns the next packet of the trial, with a payload of size bytes
// but at least those that mark it.
func (x *trial) datagram(from, to *Endpoint, size int) *datagram {
	x.seq++
	return &datagram{
		src: from.addr(x.v6), dst: to.addr(x.v6),
		protocol: proto1, ttl: 61, tos: 0xb8, id: uint16(x.seq) | 1<<15, df: true, flow: 0x54321,
		payload: x.payload(x.seq, size),
	}
}

// payload returns tag, sequence number, and a pattern that depends on it.
func (x *trial) payload(seq uint32, size int) []byte {
	p := make([]byte, max(size, markLen))
	for i := range p {
		p[i] = byte(uint32(i) + seq*7)
	}
	copy(p, x.tag[:])
	binary.BigEndian.PutUint32(p[tagLen:], seq)
	return p
}

// packets returns the bytes of the next n packets of the trial.
func (x *trial) packets(from, to *Endpoint, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = x.datagram(from, to, 32+i%5).bytes()
	}
	return all
}

// seqOf returns the sequence number if p is a packet of the trial.
func (x *trial) seqOf(p *transport.Packet) (seq uint32, ok bool) {
	b := p.Payload()
	if len(b) < markLen || [tagLen]byte(b) != x.tag {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[tagLen:]), true
}

// headerLen returns the length of the header with everything in it.
func (d *datagram) headerLen() int {
	if d.src.Is4() {
		return 20 + len(d.options)
	}
	return 40 + len(d.ext)
}

// bytes builds the packet.
func (d *datagram) bytes() []byte {
	h := d.headerLen()
	b := make([]byte, h, h+len(d.payload))
	if d.src.Is4() {
		b[0] = 4<<4 | byte(h/4)
		b[1] = d.tos
		binary.BigEndian.PutUint16(b[2:], uint16(h+len(d.payload)))
		binary.BigEndian.PutUint16(b[4:], d.id)
		if d.df {
			b[6] = 0x40
		}
		b[8], b[9] = d.ttl, d.protocol
		copy(b[12:], d.src.AsSlice())
		copy(b[16:], d.dst.AsSlice())
		copy(b[20:], d.options)
		binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b))
		return append(b, d.payload...)
	}
	binary.BigEndian.PutUint32(b, 6<<28|uint32(d.tos)<<20|d.flow)
	binary.BigEndian.PutUint16(b[4:], uint16(len(d.ext)+len(d.payload)))
	b[6], b[7] = d.protocol, d.ttl
	copy(b[8:], d.src.AsSlice())
	copy(b[24:], d.dst.AsSlice())
	if len(d.ext) > 0 {
		b[6] = d.extType
		copy(b[40:], d.ext)
		b[40] = d.protocol
	}
	return append(b, d.payload...)
}
