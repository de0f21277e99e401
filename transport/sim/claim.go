// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"net/netip"
	"slices"
	"syscall"

	"protean/transport"
)

// A claim is an address that a handle has taken over.
type claim struct {
	index int32
	key   key
	v6    bool
}

var _ transport.Claimer = (*Transport)(nil)

// Claim implements [transport.Claimer]: packets to addr that arrive at the
// interface are delivered, and neighbours send packets for addr there. There
// being no link layer, hw means nothing. The claim ends with Unclaim, and when
// the handle is closed. An address that several have claimed belongs to the
// first of them in the order of their interfaces; nobody is told. Errors:
// *net.OpError around syscall.ENODEV (no such interface), EINVAL (not a unicast
// address) or EADDRINUSE (the node's own address); net.ErrClosed.
func (t *Transport) Claim(ifindex int, addr netip.Addr, hw []byte) error {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	addr = addr.WithZone("")
	switch err := t.checkClaim(ifindex, addr); {
	case err != nil:
		return err
	case t.node.own(addr.AsSlice()):
		return opError(opClaim, syscall.EADDRINUSE)
	}
	c := claim{int32(ifindex), addrKey(addr), addr.Is6()}
	if slices.Contains(t.claims, c) {
		return nil
	}
	t.claims = append(t.claims, c)
	p := t.node.ports[ifindex-1]
	p.claims = append(p.claims, c.key)
	t.net.topology++
	return nil
}

// Unclaim implements [transport.Claimer]. Errors: as for Claim, and
// *net.OpError around syscall.EADDRNOTAVAIL if addr is not claimed.
func (t *Transport) Unclaim(ifindex int, addr netip.Addr) error {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	addr = addr.WithZone("")
	if err := t.checkClaim(ifindex, addr); err != nil {
		return err
	}
	i := slices.Index(t.claims, claim{int32(ifindex), addrKey(addr), addr.Is6()})
	if i < 0 {
		return opError(opClaim, syscall.EADDRNOTAVAIL)
	}
	t.unclaim(i)
	return nil
}

func (t *Transport) checkClaim(ifindex int, addr netip.Addr) error {
	if err := t.usable(); err != nil {
		return err
	}
	if ifindex <= loIndex || ifindex > len(t.node.ports) || t.node.ports[ifindex-1].removed {
		return opError(opClaim, syscall.ENODEV)
	}
	if !addr.IsValid() || addr.Is4In6() || addr.IsMulticast() || addr.IsUnspecified() || addr.IsLoopback() {
		return opError(opClaim, syscall.EINVAL)
	}
	return nil
}

// unclaim ends claim i.
func (t *Transport) unclaim(i int) {
	c := t.claims[i]
	t.claims = slices.Delete(t.claims, i, i+1)
	p := t.node.ports[c.index-1]
	if k := slices.Index(p.claims, c.key); k >= 0 {
		p.claims = slices.Delete(p.claims, k, k+1)
	}
	t.net.topology++
}

// claimed reports whether a handle has claimed the address on p.
func (p *Port) claimed(k key, v6 bool) bool {
	return slices.ContainsFunc(p.node.handles, func(t *Transport) bool { return t.claimed(p.index, k, v6) })
}

// claimed reports whether t has claimed the address.
func (t *Transport) claimed(index int32, k key, v6 bool) bool {
	return slices.Contains(t.claims, claim{index, k, v6})
}
