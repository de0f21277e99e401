// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import "slices"

// answers reports whether p would answer an ARP request, or a neighbour
// solicitation, for an address. As on Linux a node answers ARP on each
// interface for all its addresses (arp_ignore 0, ip-sysctl), and neighbour
// solicitations for those of the interface alone.
func (p *Port) answers(k key, v6 bool) bool {
	if p.removed || p.node.down {
		return false
	}
	if slices.Contains(p.claims, k) && p.claimed(k, v6) {
		return true
	}
	if !v6 {
		return p.node.addr4.has(uint32(k.hi >> 32))
	}
	return p.has(k.addr(true))
}

// takesForeign reports whether a handle of the node receives packets that are
// not for it.
func (nd *Node) takesForeign() bool {
	return !nd.down && slices.ContainsFunc(nd.handles, func(t *Transport) bool { return t.foreign })
}

// reachable reports whether there is a neighbour on the link of p that takes
// packets for an address. Without a carrier nobody is asked: the link loses
// what is sent.
func (p *Port) reachable(l *label) bool {
	if p.loopback() || l.flood || !p.up() {
		return true
	}
	peer := p.out.to
	if sw := peer.node.sw; sw != nil {
		return sw.way(l.hop, l.v6) != nil || foreign(peer)
	}
	return peer.answers(l.hop, l.v6) || peer.node.takesForeign()
}
