// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"protean/transport"
)

// Join makes the host a member of a multicast group on an interface, for
// packets from the given sources only if there are any. The membership ends
// when every binding that joined has left or is closed, or when the interface is gone, of
// which a LinkHandler is told: join again when it is back. Errors: ErrNotOnLoop,
// *transport.UnsupportedError, and what the transport reports.
func (e *Env) Join(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	m, ok := transport.As[transport.Multicaster](e.b.host.t)
	if err := e.can(ok, "joining multicast groups"); err != nil {
		return err
	}
	sources = slices.Clone(sources)
	return e.b.hold(membership{"group", ifindex, group, fmt.Sprint(sources)},
		func() error { return m.Join(ifindex, group, sources...) },
		func() error { return m.Leave(ifindex, group, sources...) })
}

// Leave ends what Join with the same arguments began. It is no error if it did
// not. Other errors are as for Join.
func (e *Env) Leave(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	_, ok := transport.As[transport.Multicaster](e.b.host.t)
	if err := e.can(ok, "joining multicast groups"); err != nil {
		return err
	}
	return e.b.letGo(membership{"group", ifindex, group, fmt.Sprint(sources)})
}

// Claim takes over an address that the kernel does not own: packets to it are
// delivered, and the link's questions for it answered with hw, or with the
// interface's own hardware address if hw is nil. It ends when every binding
// that claimed it has given it up or is closed, or with the interface. Errors are as for
// Join.
func (e *Env) Claim(ifindex int, addr netip.Addr, hw []byte) error {
	c, ok := transport.As[transport.Claimer](e.b.host.t)
	if err := e.can(ok, "claiming addresses"); err != nil {
		return err
	}
	return e.b.hold(membership{"claim", ifindex, addr, ""},
		func() error { return c.Claim(ifindex, addr, hw) },
		func() error { return c.Unclaim(ifindex, addr) })
}

// Unclaim gives a claimed address up. Errors are as for Join.
func (e *Env) Unclaim(ifindex int, addr netip.Addr) error {
	_, ok := transport.As[transport.Claimer](e.b.host.t)
	if err := e.can(ok, "claiming addresses"); err != nil {
		return err
	}
	return e.b.letGo(membership{"claim", ifindex, addr, ""})
}

// Claimed reports whether an address has been taken over with Claim, by any
// binding of the host.
func (e *Env) Claimed(addr netip.Addr) bool {
	ms := &e.b.host.members
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for m := range ms.all {
		if m.kind == "claim" && m.addr.WithZone("") == addr {
			return true
		}
	}
	return false
}

func (e *Env) can(able bool, feature string) error {
	switch {
	case !e.live:
		return ErrNotOnLoop
	case !able:
		return &transport.UnsupportedError{Transport: e.b.host.caps.Name, Feature: feature}
	}
	return nil
}

// A membership is something of the transport that bindings share, and that
// ends with the last of them.
type membership struct {
	kind    string
	ifindex int
	addr    netip.Addr
	sources string
}

// memberships are those of a host.
type memberships struct {
	mu  sync.Mutex
	all map[membership]*held
}

type held struct {
	by  map[*Binding]bool
	end func() error
}

func (b *Binding) hold(m membership, begin, end func() error) error {
	ms := &b.host.members
	ms.mu.Lock()
	defer ms.mu.Unlock()
	h := ms.all[m]
	if h == nil {
		if err := begin(); err != nil {
			return err
		}
		h = &held{by: map[*Binding]bool{}, end: end}
		if ms.all == nil {
			ms.all = map[membership]*held{}
		}
		ms.all[m] = h
	}
	h.by[b] = true
	return nil
}

func (b *Binding) letGo(m membership) error {
	ms := &b.host.members
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return ms.letGo(m, b)
}

func (ms *memberships) letGo(m membership, b *Binding) error {
	h := ms.all[m]
	if h == nil || !h.by[b] {
		return nil
	}
	if delete(h.by, b); len(h.by) > 0 {
		return nil
	}
	delete(ms.all, m)
	return h.end()
}

// forget ends what there is on an interface that is gone, for the transport too: one that
// comes back, or gets its index, is another one.
func (ms *memberships) forget(ifindex int) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for m, h := range ms.all {
		if m.ifindex == ifindex {
			delete(ms.all, m)
			h.end() // most transports have done it
		}
	}
}

// leaveAll ends what b holds.
func (b *Binding) leaveAll() {
	ms := &b.host.members
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for m := range ms.all {
		if err := ms.letGo(m, b); err != nil && !isClosed(err) {
			b.host.cfg.Log.Warn("proto: leave", "interface", m.ifindex, "address", m.addr, "error", err)
		}
	}
}
