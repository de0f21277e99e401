// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"net/netip"
	"sync"

	"protean/proto/wire"
)

// A Table is a list of neighbours of one's own: what is not in it does not
// answer, but for groups, which have the addresses of Ethernet, and the IPv4
// broadcast address. The zero Table is empty and ready for use. It is safe for
// concurrent use.
type Table struct {
	mu sync.RWMutex
	m  map[key]LinkAddr
}

type key struct {
	hop     netip.Addr
	ifindex int
}

// Set gives a neighbour an address, in place of the one it has.
func (t *Table) Set(hop netip.Addr, ifindex int, a LinkAddr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = make(map[key]LinkAddr)
	}
	t.m[key{hop.Unmap().WithZone(""), ifindex}] = a
}

// Delete removes a neighbour, if it is there.
func (t *Table) Delete(hop netip.Addr, ifindex int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.m, key{hop.Unmap().WithZone(""), ifindex})
}

// Lookup implements [Resolver].
func (t *Table) Lookup(hop netip.Addr, ifindex int) (LinkAddr, error) {
	hop = hop.Unmap().WithZone("")
	t.mu.RLock()
	a, ok := t.m[key{hop, ifindex}]
	t.mu.RUnlock()
	if ok {
		return a, nil
	}
	if a, ok := ethernet.computed(hop); ok {
		return a, nil
	}
	return LinkAddr{}, &Error{Hop: hop, IfIndex: ifindex}
}

// ethernet is what a Table's links are.
var ethernet = link{ethernet: true, addrs: true, arp: true, broadcast: LinkAddrFromMAC(wire.BroadcastMAC())}
