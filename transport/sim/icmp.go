// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/checksum"
	"protean/proto/wire"
)

// A problem is a reason for an ICMP error.
type problem struct {
	kind   Messages
	t4, c4 uint8 // type and code; t4 0: there is no such error in IPv4
	t6, c6 uint8
}

var (
	ttlExceeded = problem{TimeExceeded, wire.ICMPv4TimeExceeded, wire.ICMPv4TTLExceeded, wire.ICMPv6TimeExceeded, wire.ICMPv6HopLimitExceeded}
	tooBig      = problem{FragNeeded, wire.ICMPv4Unreachable, wire.ICMPv4FragNeeded, wire.ICMPv6PacketTooBig, 0}
	noRoute     = problem{NoRoutes, wire.ICMPv4Unreachable, wire.ICMPv4NetUnreachable, wire.ICMPv6Unreachable, wire.ICMPv6NoRoute}
	unreachable = problem{NoRoutes, wire.ICMPv4Unreachable, wire.ICMPv4HostUnreachable, wire.ICMPv6Unreachable, wire.ICMPv6NoRoute}
	prohibited  = problem{NoRoutes, wire.ICMPv4Unreachable, wire.ICMPv4AdminProhibited, wire.ICMPv6Unreachable, wire.ICMPv6AdminProhibited}
	beyondScope = problem{NoRoutes, 0, 0, wire.ICMPv6Unreachable, wire.ICMPv6BeyondScope}
	noNeighbor  = problem{HostUnreachable, wire.ICMPv4Unreachable, wire.ICMPv4HostUnreachable, wire.ICMPv6Unreachable, wire.ICMPv6AddrUnreachable}
	noPort      = problem{PortUnreachable, wire.ICMPv4Unreachable, wire.ICMPv4PortUnreachable, wire.ICMPv6Unreachable, wire.ICMPv6PortUnreachable}
	noProtocol  = problem{ProtocolUnreachable, wire.ICMPv4Unreachable, wire.ICMPv4ProtoUnreachable, wire.ICMPv6ParamProblem, wire.ICMPv6UnknownNextHeader}
	badOption   = problem{ParameterProblem, wire.ICMPv4ParamProblem, wire.ICMPv4PointerError, wire.ICMPv6ParamProblem, wire.ICMPv6UnknownOption}
)

// The most bytes of an ICMP error, IP header included (RFC 1812, section
// 4.3.2.3; RFC 4443, section 2.4).
const (
	maxError4 = 576
	maxError6 = 1280
)

// complain sends an ICMP error about the packet b, which came in through in
// (nil: that does not matter), unless there must be none (RFC 1122, section
// 3.2.2, RFC 4443, section 2.4), as in __icmp_send and icmp6_send of Linux. arg
// is the MTU or the pointer. b stays the caller's.
func (nd *Node) complain(pr problem, in *Port, b []byte, arg uint32) {
	v6 := b[0]>>4 == 6
	if !v6 && (pr.t4 == 0 || !eligible4(b)) || v6 && !eligible6(b, pr) {
		return
	}
	if nd.silent(pr.kind) {
		return
	}
	src, dst := b[12:16], b[16:20]
	if v6 {
		src, dst = b[8:24], b[24:40]
	}
	var ifindex int32
	if k := keyOf(src); v6 && k.linkLocal() {
		if in == nil {
			return
		}
		ifindex = in.index
	}
	w, err := nd.route(src, ifindex)
	if err != nil {
		return
	}
	if pr != tooBig && !w.out.from.loopback() && !nd.kernel.allow(pr, keyOf(src), v6, nd.net.clock()) {
		nd.stats.Limited++
		return
	}
	to, _ := netip.AddrFromSlice(src)
	from, _ := netip.AddrFromSlice(dst)
	if !nd.own(dst) || v6 && from.IsLinkLocalUnicast() && (in == nil || !in.has(from)) {
		from = w.source(to)
	}
	if !from.IsValid() {
		return
	}
	nd.stats.Errors++
	if v6 {
		nd.error6(pr, b, from, to, &w, arg)
	} else {
		nd.error4(pr, b, from, to, &w, arg)
	}
}

func (nd *Node) error4(pr problem, b []byte, from, to netip.Addr, w *way, arg uint32) {
	e := wire.ICMPError{Type: pr.t4, Code: pr.c4}
	e.Quoted = b[:min(len(b), min(w.mtu, maxError4)-wire.IPv4HeaderLen-wire.ICMPHeaderLen)]
	switch pr {
	case tooBig:
		e.MTU = min(arg, 0xffff)
	case badOption:
		e.Pointer = arg & 0xff
	}
	// The precedence is internetwork control, the rest is the packet's: RT_TOS
	// in net/ipv4/icmp.c.
	out := nd.packet4(wire.ProtoICMP, b[1]&0x1e|0xc0, e.LenV4(), from, to)
	if e.MarshalV4(out[wire.IPv4HeaderLen:]) != nil {
		nd.net.bufs.put(out)
		return
	}
	nd.emit(out, w)
}

func (nd *Node) error6(pr problem, b []byte, from, to netip.Addr, w *way, arg uint32) {
	e := wire.ICMPError{Type: pr.t6, Code: pr.c6}
	e.Quoted = b[:min(len(b), maxError6-wire.IPv6HeaderLen-wire.ICMPHeaderLen)]
	switch pr {
	case tooBig:
		e.MTU = arg
	case badOption, noProtocol:
		e.Pointer = arg
	}
	out := nd.packet6(wire.ProtoICMPv6, 0, e.LenV6(), from, to)
	if e.MarshalV6(out[wire.IPv6HeaderLen:], from, to) != nil {
		nd.net.bufs.put(out)
		return
	}
	nd.emit(out, w)
}

// emit sends what the kernel has made.
func (nd *Node) emit(b []byte, w *way) {
	nd.traceOut(Generated, w.out, b)
	nd.output(b, w)
}

// packet4 returns a new packet with a header and room for n bytes.
func (nd *Node) packet4(protocol, tos uint8, n int, from, to netip.Addr) []byte {
	b := nd.net.bufs.get(wire.IPv4HeaderLen + n)
	h := b[:wire.IPv4HeaderLen]
	clear(h)
	h[0], h[1], h[8], h[9] = 0x45, tos, nd.kernel.cfg.TTL, protocol
	binary.BigEndian.PutUint16(h[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(h[4:], uint16(nd.identification()))
	s, d := from.As4(), to.As4()
	copy(h[12:], s[:])
	copy(h[16:], d[:])
	binary.BigEndian.PutUint16(h[10:], checksum.Checksum(h))
	return b
}

func (nd *Node) packet6(protocol, class uint8, n int, from, to netip.Addr) []byte {
	b := nd.net.bufs.get(wire.IPv6HeaderLen + n)
	h := b[:wire.IPv6HeaderLen]
	clear(h)
	h[0], h[1], h[6], h[7] = 0x60|class>>4, class<<4, protocol, nd.kernel.cfg.TTL
	binary.BigEndian.PutUint16(h[4:], uint16(n))
	s, d := from.As16(), to.As16()
	copy(h[8:], s[:])
	copy(h[24:], d[:])
	return b
}

// eligible4 reports whether there may be an error about the packet: it is no
// fragment but the first, has a source that can be told, was not sent to many,
// and is no ICMP error itself, nor an ICMP message that nobody knows.
func eligible4(b []byte) bool {
	if martian(b, false) || b[16] >= 224 || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return false
	}
	if b[9] != wire.ProtoICMP {
		return true
	}
	const known = 18 // NR_ICMP_TYPES
	hdr := int(b[0]&15) * 4
	return hdr < len(b) && b[hdr] <= known && !wire.ICMPv4(b[hdr:]).IsError()
}

// eligible6 is eligible4 for IPv6. Packet too big, and an option that asks for
// it, are about multicast packets, too.
func eligible6(b []byte, pr problem) bool {
	if martian(b, true) {
		return false
	}
	if b[24] == 0xff && pr != tooBig && pr != badOption {
		return false
	}
	if b[6] == wire.ProtoICMPv6 {
		return len(b) > wire.IPv6HeaderLen && b[wire.IPv6HeaderLen] >= 128
	}
	if !wire.IsExtension(b[6]) {
		return true
	}
	var c wire.Chain
	if wire.WalkIPv6(b, &c) != wire.NotMalformed {
		return false
	}
	if c.FragOffset != 0 {
		return false
	}
	return c.Protocol != wire.ProtoICMPv6 || c.HeaderLen < len(b) && b[c.HeaderLen] >= 128
}
