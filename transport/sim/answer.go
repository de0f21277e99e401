// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
)

// answer does what the kernel does with a packet to the node: it answers echo
// requests, and sends errors for UDP, since no program has a UDP socket, and
// for protocols that no handle has bound. Fragments, which nobody reassembles,
// and TCP stay without an answer. pk stays the caller's.
func (nd *Node) answer(in *Port, pk *transport.Packet, host, bound bool) {
	if pk.Fragment() {
		return
	}
	b, v6 := pk.Data, pk.Is6()
	switch protocol := pk.Protocol(); {
	case protocol == wire.ProtoICMP && !v6:
		if host {
			nd.echo4(pk)
		}
	case protocol == wire.ProtoICMPv6 && v6:
		nd.echo6(in, pk, host)
	case protocol == wire.ProtoUDP:
		if _, m := wire.ParseUDP(pk.Payload(), pk.Src(), pk.Dst()); host && m == wire.NotMalformed {
			nd.complain(noPort, in, b, 0)
		}
	case protocol == wire.ProtoTCP, protocol == wire.ProtoNoNext && v6:
	case !bound && host:
		nd.complain(noProtocol, in, b, nextHeaderField(pk))
	}
}

// nextHeaderField returns the offset of the field that names the protocol of
// an IPv6 packet.
func nextHeaderField(pk *transport.Packet) uint32 {
	if !pk.Is6() {
		return 0
	}
	field := 6
	it := wire.NewExtIterator(pk.Data[6], pk.Data[wire.IPv6HeaderLen:pk.HeaderLen()])
	for off := wire.IPv6HeaderLen; it.Next(); off = wire.IPv6HeaderLen + it.Offset() {
		field = off
	}
	return uint32(field)
}

func (nd *Node) echo4(pk *transport.Packet) {
	m, bad := wire.ParseICMPv4(pk.Payload())
	if bad != wire.NotMalformed || m.Type() != wire.ICMPv4Echo || martian(pk.Data, false) || nd.silent(EchoReplies) {
		return
	}
	w, err := nd.route(pk.Data[12:16], 0)
	if err != nil {
		return
	}
	out := nd.packet4(wire.ProtoICMP, pk.TOS(), len(m), pk.Dst(), pk.Src())
	r := wire.ICMPv4(out[wire.IPv4HeaderLen:])
	copy(r, m)
	r.SetType(wire.ICMPv4EchoReply)
	old := uint16(wire.ICMPv4Echo)<<8 | uint16(m.Code())
	r.SetChecksum(checksum.Update16(m.Checksum(), old, uint16(m.Code())))
	nd.stats.Answered++
	nd.emit(out, &w)
}

// echo6 also answers echo requests to groups.
func (nd *Node) echo6(in *Port, pk *transport.Packet, host bool) {
	src, dst := pk.Src(), pk.Dst()
	m, bad := wire.ParseICMPv6(pk.Payload(), src, dst)
	if bad != wire.NotMalformed || m.Type() != wire.ICMPv6Echo || martian(pk.Data, true) || nd.silent(EchoReplies) {
		return
	}
	var ifindex int32
	if src.IsLinkLocalUnicast() && !in.loopback() {
		ifindex = in.index
	}
	w, err := nd.route(pk.Data[8:24], ifindex)
	if err != nil {
		return
	}
	from := dst
	if !host {
		if from = w.source(src); !from.IsValid() {
			return
		}
	}
	out := nd.packet6(wire.ProtoICMPv6, pk.TOS(), len(m), from, src)
	r := wire.ICMPv6(out[wire.IPv6HeaderLen:])
	copy(r, m)
	r.SetType(wire.ICMPv6EchoReply)
	r.FillChecksum(from, src)
	nd.stats.Answered++
	nd.emit(out, &w)
}

// spoofed reports whether a packet from outside cannot have its source: what
// Linux calls martian (ip_route_input_slow, ip_mc_validate_source, ip6_rcv_core).
func (nd *Node) spoofed(in *Port, b []byte) bool {
	if in.loopback() {
		return false
	}
	if b[0]>>4 == 6 {
		k := keyOf(b[8:24])
		return k.multicast(true) || k == key{lo: 1}
	}
	src := keyOf(b[12:16])
	if b[12] == 0 {
		dst := keyOf(b[16:20])
		return dst != limitedBroadcast && dst.hi>>40 != 0xe00000
	}
	return b[12] == 127 || b[12] >= 224 || nd.addr4.has(uint32(src.hi>>32))
}

// acceptable looks at the options of a packet, as a kernel does before anything
// else: those of IPv4, and hop-by-hop options. It sends the error that is due if
// they are not acceptable.
func (nd *Node) acceptable(in *Port, pk *transport.Packet) bool {
	b := pk.Data
	if !pk.Is6() {
		if len(pk.Options()) == 0 {
			return true
		}
		it := wire.NewIPv4OptionIterator(pk.Options())
		for it.Next() {
		}
		if it.Err() == wire.NotMalformed {
			return true
		}
		nd.complain(badOption, in, b, uint32(wire.IPv4HeaderLen+it.Offset()))
		return false
	}
	if b[6] != wire.ExtHopByHop {
		return true
	}
	return nd.known(in, b, wire.IPv6HeaderLen, func(typ uint8) bool {
		return typ == wire.IPv6OptRouterAlert || typ == wire.IPv6OptJumbo
	})
}

// known reports whether all options of the extension header at off are known,
// or to be skipped (RFC 8200, section 4.2).
func (nd *Node) known(in *Port, b []byte, off int, known func(typ uint8) bool) bool {
	end := off + 8 + int(b[off+1])*8
	it := wire.NewIPv6OptionIterator(b[off+2 : end])
	for at := 0; it.Next(); at = it.Offset() {
		o := it.Option()
		if o.Type == wire.IPv6OptPad1 || o.Type == wire.IPv6OptPadN || o.Action() == 0 || known(o.Type) {
			continue
		}
		if o.Action() == 2 || o.Action() == 3 && b[24] != 0xff {
			nd.complain(badOption, in, b, uint32(off+2+at))
		}
		return false
	}
	return it.Err() == wire.NotMalformed
}

// destinationOptions is acceptable for the options of the destination.
func (nd *Node) destinationOptions(in *Port, pk *transport.Packet) bool {
	if !pk.Is6() || pk.HeaderLen() == wire.IPv6HeaderLen {
		return true
	}
	it := wire.NewExtIterator(pk.Data[6], pk.Data[wire.IPv6HeaderLen:pk.HeaderLen()])
	for off := wire.IPv6HeaderLen; it.Next(); off = wire.IPv6HeaderLen + it.Offset() {
		if it.Header().Type == wire.ExtDestination && !nd.known(in, pk.Data, off, func(typ uint8) bool {
			return typ == wire.IPv6OptHomeAddress
		}) {
			return false
		}
	}
	return true
}
