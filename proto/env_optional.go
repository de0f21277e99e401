// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net/netip"

	"protean/transport"
)

// Join makes the host a member of a multicast group on an interface, for
// packets from the given sources only if there are any. The membership ends
// with Leave, or when the binding is closed. Errors: *transport.UnsupportedError,
// and what the transport reports.
func (e *Env) Join(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	m, ok := transport.As[transport.Multicaster](e.b.host.t)
	if !ok {
		return e.unsupported("joining multicast groups")
	}
	if err := m.Join(ifindex, group, sources...); err != nil {
		return err
	}
	e.b.atClose(membership{ifindex, group}, func() error { return m.Leave(ifindex, group, sources...) })
	return nil
}

// Leave ends a membership.
func (e *Env) Leave(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	m, ok := transport.As[transport.Multicaster](e.b.host.t)
	if !ok {
		return e.unsupported("joining multicast groups")
	}
	if len(sources) == 0 {
		e.b.notAtClose(membership{ifindex, group})
	}
	return m.Leave(ifindex, group, sources...)
}

// Claim takes over an address that the kernel does not own: packets to it are
// delivered, and the link's questions for it answered with hw, or with the
// interface's own hardware address if hw is nil. It ends with Unclaim, or when
// the binding is closed.
func (e *Env) Claim(ifindex int, addr netip.Addr, hw []byte) error {
	c, ok := transport.As[transport.Claimer](e.b.host.t)
	if !ok {
		return e.unsupported("claiming addresses")
	}
	if err := c.Claim(ifindex, addr, hw); err != nil {
		return err
	}
	e.b.atClose(membership{ifindex, addr}, func() error { return c.Unclaim(ifindex, addr) })
	return nil
}

// Unclaim gives a claimed address up.
func (e *Env) Unclaim(ifindex int, addr netip.Addr) error {
	c, ok := transport.As[transport.Claimer](e.b.host.t)
	if !ok {
		return e.unsupported("claiming addresses")
	}
	e.b.notAtClose(membership{ifindex, addr})
	return c.Unclaim(ifindex, addr)
}

func (e *Env) unsupported(feature string) error {
	return &transport.UnsupportedError{Transport: e.b.host.caps.Name, Feature: feature}
}

// A membership is something that ends with its binding.
type membership struct {
	ifindex int
	addr    netip.Addr
}

func (b *Binding) atClose(m membership, undo func() error) {
	b.undoMu.Lock()
	defer b.undoMu.Unlock()
	if b.undo == nil {
		b.undo = map[membership]func() error{}
	}
	b.undo[m] = undo
}

func (b *Binding) notAtClose(m membership) {
	b.undoMu.Lock()
	defer b.undoMu.Unlock()
	delete(b.undo, m)
}
