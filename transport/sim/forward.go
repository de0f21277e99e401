// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"encoding/binary"

	"protean/proto/checksum"
	"protean/proto/frag"
	"protean/proto/wire"
	"protean/transport"
)

// forward passes a packet on that is not for the node, in the order of steps of
// ip_forward and ip6_forward in Linux: route, TTL, MTU. buf belongs to the node.
func (nd *Node) forward(in *Port, buf []byte, from *label) {
	v6 := buf[0]>>4 == 6
	dst, ttl := buf[16:20], &buf[8]
	if v6 {
		dst, ttl = buf[24:40], &buf[7]
	}
	k := keyOf(dst)
	if from.flood || k.multicast(v6) || !v6 && (k.hi>>60 == 0xf || k.hi>>56 == 0) || v6 && k.linkLocal() || martian(buf, v6) {
		nd.drop(Unwanted, transport.NotLocal, in, buf)
		return
	}
	e := nd.table(v6).find(k)
	if e == nil || e.kind == Unicast && e.port.out == nil {
		nd.complain(noRoute, in, buf, 0)
		nd.drop(NoRoute, transport.NoRoute, in, buf)
		return
	}
	if e.kind != Unicast {
		switch e.kind {
		case Unreachable:
			nd.complain(unreachable, in, buf, 0)
		case Prohibit:
			nd.complain(prohibited, in, buf, 0)
		}
		nd.drop(Rejected, transport.Filtered, in, buf)
		return
	}
	if *ttl <= 1 {
		nd.complain(ttlExceeded, in, buf, 0)
		nd.drop(TTLExceeded, transport.TTLExceeded, in, buf)
		return
	}
	w := way{entry: e, label: label{hop: k, v6: v6, origin: from.origin, last: nd}}
	w.through(e.port, k) // it has a link
	if v6 && keyOf(buf[8:24]).linkLocal() {
		nd.complain(beyondScope, in, buf, 0)
		nd.drop(Unwanted, transport.NotLocal, in, buf)
		return
	}
	most := w.mtu
	if v6 {
		most = max(most, minMTU6)
	}
	if len(buf) > most && (v6 || buf[6]&0x40 != 0) {
		nd.complain(tooBig, in, buf, uint32(most))
		nd.drop(TooBig, transport.TooBig, in, buf)
		return
	}
	*ttl--
	if !v6 {
		old := uint16(*ttl+1)<<8 | uint16(buf[9])
		binary.BigEndian.PutUint16(buf[10:], checksum.Update16(binary.BigEndian.Uint16(buf[10:]), old, old-1<<8))
	}
	nd.stats.Forwarded++
	nd.trace(Forwarded, in, buf)
	nd.output(buf, &w)
}

// martian reports whether no packet to be forwarded can have this source.
func martian(b []byte, v6 bool) bool {
	if v6 {
		k := keyOf(b[8:24])
		return k == key{} || k.multicast(true) || k == key{lo: 1}
	}
	return b[12] == 0 || b[12] == 127 || b[12] >= 224
}

// output sends a packet of the kernel's, or one to be passed on, cut into
// fragments if need be. buf belongs to the node.
func (nd *Node) output(buf []byte, w *way) {
	if len(buf) <= w.mtu {
		nd.transmit(buf, w.out, &w.label)
		return
	}
	n := nd.net
	var id uint32
	if ip := wire.IPv4(buf); w.label.v6 || ip.ID() == 0 {
		id = nd.identification()
	}
	s := &n.split
	if n.splitting { // the error about a fragment
		s = new(frag.Splitter)
	}
	if err := s.Split(buf, w.mtu, id, frag.SplitConfig{}); err != nil {
		nd.stats.Dropped[transport.TooBig]++
		nd.traceOut(TooBig, w.out, buf)
		n.bufs.put(buf)
		return
	}
	nd.stats.Fragmented++
	outer := n.splitting
	n.splitting = true
	for s.Next() {
		part := n.bufs.get(s.Len())
		if _, err := s.Copy(part); err == nil { // it is long enough
			nd.traceOut(Generated, w.out, part)
			nd.transmit(part, w.out, &w.label)
		}
	}
	n.splitting = outer
	n.bufs.put(buf)
}

// identification returns the next IPv4 identification, or IPv6 fragment
// identification, of the node; never 0.
func (nd *Node) identification() uint32 {
	if nd.ident++; nd.ident == 0 {
		nd.ident = 1
	}
	return uint32(nd.ident)
}

// transmit sends a packet that fits to a neighbour.
func (nd *Node) transmit(buf []byte, out *direction, l *label) {
	if !out.from.reachable(l) {
		nd.ask(buf, out, l)
		return
	}
	nd.hand(buf, out, l)
}

// hand gives a packet to the link.
func (nd *Node) hand(buf []byte, out *direction, l *label) {
	if _, kept := out.send(buf, nd.net.clock(), true, l); !kept {
		nd.net.bufs.put(buf)
	}
}
