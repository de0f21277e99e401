// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"protean/proto/wire"
	"protean/transport"
)

// receive hands a packet that arrived through p to the handles that want it,
// and to the node's kernel. buf belongs to the node from now on; from came with
// the packet.
func (nd *Node) receive(p *Port, buf []byte, at int64, from *label) {
	nd.stats.Received++
	typ, local := nd.classify(p, buf)
	var pk transport.Packet
	m := pk.Load(buf, transport.Arrival{
		Time: at, IfIndex: p.index, Flags: typ.Flag() | transport.TimeKernel.Flag(),
	})
	if m != wire.NotMalformed {
		nd.drop(Malformed, transport.Malformed, p, buf)
		return
	}
	buf = buf[:len(pk.Data)] // a link may have damaged the length
	if nd.kernel != nil && nd.spoofed(p, buf) {
		nd.drop(Rejected, transport.Filtered, p, buf)
		return
	}
	if nd.kernel != nil && (!nd.acceptable(p, &pk) || local && !nd.destinationOptions(p, &pk)) {
		nd.drop(Malformed, transport.Malformed, p, buf)
		return
	}
	claimed := typ == transport.PacketHost && !local
	forward := typ == transport.PacketOtherHost && nd.forwards()
	// All but the last handle get a copy.
	var last *Transport
	bound := false
	for _, t := range nd.handles {
		if !t.bound(&pk) {
			continue
		}
		bound = true
		if !local && !t.foreign && !(typ == transport.PacketMulticast && t.groups.accept(&pk)) &&
			!(claimed && t.claimed(p.index, pkKey(buf), pk.Is6())) {
			continue
		}
		if last != nil {
			last.enqueueCopy(&pk)
		}
		last = t
	}
	if local && nd.kernel != nil {
		nd.answer(p, &pk, typ == transport.PacketHost && !from.flood, bound)
	}
	switch {
	case forward:
		if last != nil {
			last.enqueueCopy(&pk)
		}
		nd.forward(p, buf, from)
	case last != nil:
		last.enqueue(&pk, buf)
	case bound, !local && typ != transport.PacketMulticast:
		nd.drop(Unwanted, transport.NotLocal, p, buf)
	default:
		nd.drop(Unwanted, transport.NoHandler, p, buf)
	}
}

// drop counts a packet that goes nowhere, and takes its memory back.
func (nd *Node) drop(f Fate, r transport.DropReason, in *Port, buf []byte) {
	nd.stats.Dropped[r]++
	nd.trace(f, in, buf)
	nd.net.bufs.put(buf)
}

// pkKey returns the destination of a packet.
func pkKey(b []byte) key {
	if b[0]>>4 == 4 {
		return keyOf(b[16:20])
	}
	return keyOf(b[24:40])
}

// classify says to whom a packet is that arrived through p, and whether that
// includes every program of this node. To an address that a handle has claimed
// means to this host, but not to every program.
func (nd *Node) classify(p *Port, b []byte) (typ transport.PacketType, local bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		typ, local = nd.classify4(p, binary.BigEndian.Uint32(b[16:]))
	case len(b) >= 40:
		typ, local = nd.classify6(p, [16]byte(b[24:40]))
	default:
		return transport.PacketOtherHost, false
	}
	if len(p.claims) > 0 && typ == transport.PacketOtherHost {
		if k, v6 := pkKey(b), b[0]>>4 != 4; slices.Contains(p.claims, k) && p.claimed(k, v6) {
			typ = transport.PacketHost
		}
	}
	return typ, local
}

func (nd *Node) classify4(p *Port, a uint32) (transport.PacketType, bool) {
	const limitedBroadcast, allHosts = 0xffffffff, 0xe0000001
	switch {
	case nd.addr4.has(a):
		return host(true)
	case a>>28 == 0xe:
		return transport.PacketMulticast, a == allHosts
	case a == limitedBroadcast:
		return transport.PacketBroadcast, true
	case a>>24 == 127:
		return host(p.loopback())
	}
	for _, b := range p.broadcasts {
		if a == b {
			return transport.PacketBroadcast, true
		}
	}
	return host(false)
}

func (nd *Node) classify6(p *Port, a [16]byte) (transport.PacketType, bool) {
	switch {
	case nd.addr6.has(a):
		return host(true)
	case a == loopback6():
		return host(p.loopback())
	case a[0] == 0xff:
		return transport.PacketMulticast, p.joined6(a)
	case a[0] == 0xfe && a[1]&0xc0 == 0x80:
		return host(p.has(netip.AddrFrom16(a)) || p.loopback() && nd.own(a[:]))
	}
	return host(false)
}

func host(own bool) (transport.PacketType, bool) {
	if own {
		return transport.PacketHost, true
	}
	return transport.PacketOtherHost, false
}

// joined6 reports whether a node is in this IPv6 group without asking (RFC
// 4291, section 2.8): all nodes, interface-local and link-local, and the
// solicited-node groups of its addresses.
func (p *Port) joined6(a [16]byte) bool {
	switch a {
	case [16]byte{0: 0xff, 1: 1, 15: 1}, [16]byte{0: 0xff, 1: 2, 15: 1}:
		return true
	}
	if [13]byte(a[:13]) != [13]byte{0: 0xff, 1: 2, 11: 1, 12: 0xff} {
		return false
	}
	for _, q := range p.prefixes {
		if b := q.Addr().As16(); q.Addr().Is6() && [3]byte(b[13:]) == [3]byte(a[13:]) {
			return true
		}
	}
	return false
}

// An arrival is a packet that waits to be received.
type arrival struct {
	pk  transport.Packet
	buf []byte // what pk.Data is in
}

func (t *Transport) enqueue(pk *transport.Packet, buf []byte) {
	if t.arrivals.Len() >= t.limit {
		t.overflow(pk)
		t.net.bufs.put(buf)
		return
	}
	a := t.arrivals.Add()
	a.pk, a.buf = *pk, buf
	t.ready()
}

func (t *Transport) enqueueCopy(pk *transport.Packet) {
	if t.arrivals.Len() >= t.limit {
		t.overflow(pk)
		return
	}
	a := t.arrivals.Add()
	a.pk = *pk
	a.buf = t.net.bufs.get(len(pk.Data))
	copy(a.buf, pk.Data)
	a.pk.Data = a.buf
	t.ready()
}

// overflow counts a packet that found the queue full.
func (t *Transport) overflow(pk *transport.Packet) {
	t.stats.Lost++
	t.lost++
	t.node.trace(Overflow, t.node.ports[pk.IfIndex-1], pk.Data)
	t.ready()
}
