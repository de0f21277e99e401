// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/wire"
	"protean/transport"
)

// receive hands a packet that arrived through p to the handles that want it.
// buf belongs to the node from now on.
func (nd *Node) receive(p *Port, buf []byte, at int64) {
	nd.stats.Received++
	typ, local := nd.classify(p, buf)
	var pk transport.Packet
	m := pk.Load(buf, transport.Arrival{
		Time: at, IfIndex: p.index, Flags: typ.Flag() | transport.TimeKernel.Flag(),
	})
	if m != wire.NotMalformed {
		nd.stats.Dropped[transport.Malformed]++
		nd.net.bufs.put(buf)
		return
	}
	// All but the last handle get a copy.
	var last *Transport
	bound := false
	for _, t := range nd.handles {
		if !t.bound(&pk) {
			continue
		}
		bound = true
		if !local && !t.foreign && !(typ == transport.PacketMulticast && t.groups.accept(&pk)) {
			continue
		}
		if last != nil {
			last.enqueueCopy(&pk)
		}
		last = t
	}
	switch {
	case last != nil:
		last.enqueue(&pk, buf)
		return
	case bound, !local && typ != transport.PacketMulticast:
		nd.stats.Dropped[transport.NotLocal]++
	default:
		nd.stats.Dropped[transport.NoHandler]++
	}
	nd.net.bufs.put(buf)
}

// classify says to whom a packet is that arrived through p, and whether that
// includes every program of this node.
func (nd *Node) classify(p *Port, b []byte) (typ transport.PacketType, local bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return nd.classify4(p, binary.BigEndian.Uint32(b[16:]))
	case len(b) >= 40:
		return nd.classify6(p, [16]byte(b[24:40]))
	}
	return transport.PacketOtherHost, false
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
	if t.arrivals.n >= t.limit {
		t.overflow()
		t.net.bufs.put(buf)
		return
	}
	a := t.arrivals.add()
	a.pk, a.buf = *pk, buf
	t.ready()
}

func (t *Transport) enqueueCopy(pk *transport.Packet) {
	if t.arrivals.n >= t.limit {
		t.overflow()
		return
	}
	a := t.arrivals.add()
	a.pk = *pk
	a.buf = t.net.bufs.get(len(pk.Data))
	copy(a.buf, pk.Data)
	a.pk.Data = a.buf
	t.ready()
}

// overflow counts a packet that found the queue full.
func (t *Transport) overflow() {
	t.stats.Lost++
	t.lost++
	t.ready()
}
