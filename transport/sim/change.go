// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// AddAddress gives the interface one more address. Errors: *[ConfigError],
// net.ErrClosed.
func (p *Port) AddAddress(prefix netip.Prefix) error {
	n := p.node.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := p.changeable(); err != nil {
		return err
	}
	if err := p.node.checkPrefix("interface "+p.String(), prefix, p.prefixes); err != nil {
		return err
	}
	if prefix.Addr().Is6() && p.out != nil && p.out.mtu < minMTU6 {
		return &ConfigError{"interface " + p.String(), "prefix " + prefix.String(), "is IPv6, but the MTU is less than 1280"}
	}
	p.prefixes = append(p.prefixes, prefix)
	p.readdressed()
	return nil
}

// RemoveAddress takes an address away, and with it the routes that were added
// with it as Src; others stay. Errors: *[ConfigError] if the interface does not
// have it; net.ErrClosed.
func (p *Port) RemoveAddress(addr netip.Addr) error {
	n := p.node.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := p.changeable(); err != nil {
		return err
	}
	if !p.has(addr) {
		return &ConfigError{"interface " + p.String(), "address " + addr.String(), "is not there"}
	}
	p.prefixes = slices.DeleteFunc(p.prefixes, func(q netip.Prefix) bool { return q.Addr() == addr })
	p.node.routes = slices.DeleteFunc(p.node.routes, func(r *Route) bool { return r.Src == addr })
	p.readdressed()
	return nil
}

// readdressed is called after the addresses of the interface have changed.
func (p *Port) readdressed() {
	nd := p.node
	nd.addr4, nd.addr6 = set[uint32]{}, set[[16]byte]{}
	for _, q := range nd.ports {
		nd.register(q)
	}
	nd.changed()
	nd.linkChanged(p)
	nd.net.changed()
}

// changeable says why the interface cannot be changed.
func (p *Port) changeable() error {
	object := "interface " + p.String()
	switch {
	case p.node.net.closed:
		return net.ErrClosed
	case p.removed:
		return &ConfigError{object, "interface", "is removed"}
	case p.loopback():
		return &ConfigError{object, "interface", "is a loopback interface"}
	case p.node.sw != nil:
		return &ConfigError{object, "interface", "is a switch's"}
	}
	return nil
}

// SetMTU sets the largest packet that the interface sends, whatever the other
// end of its link sends. Packets waiting for the link are sent as they are.
// Errors: *[ConfigError], also if the interface has no link; net.ErrClosed.
func (p *Port) SetMTU(mtu int) error {
	n := p.node.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := p.changeable(); err != nil {
		return err
	}
	object := "interface " + p.String()
	if p.out == nil {
		return &ConfigError{object, "interface", "has no link"}
	}
	if err := checkMTU(object, mtu, p.hasV6()); err != nil {
		return err
	}
	p.out.setMTU(mtu)
	n.changed()
	return nil
}

// SetMTU sets the MTU of both directions. Errors: *[ConfigError],
// net.ErrClosed.
func (l *Link) SetMTU(mtu int) error {
	n := l.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return net.ErrClosed
	}
	if err := checkMTU("link "+l.name, mtu, l.dirs[0].from.hasV6() || l.dirs[1].from.hasV6()); err != nil {
		return err
	}
	for _, d := range l.dirs {
		d.setMTU(mtu)
	}
	n.changed()
	return nil
}

func checkMTU(object string, mtu int, v6 bool) error {
	reason := ""
	switch {
	case mtu < minMTU4:
		reason = fmt.Sprintf("of %d is less than 68", mtu)
	case mtu < minMTU6 && v6:
		reason = fmt.Sprintf("of %d is less than 1280, which IPv6 needs", mtu)
	case mtu > maxPacket:
		reason = fmt.Sprintf("of %d is more than 65575, the largest IP packet", mtu)
	default:
		return nil
	}
	return &ConfigError{object, "MTU", reason}
}

func (d *direction) setMTU(mtu int) {
	if d.mtu != mtu {
		d.mtu = mtu
		d.from.node.linkChanged(d.from)
	}
}

// Remove removes the interface, its addresses, its routes and its link. Its
// index is not used again, its name may be. Handles have an event with Removed
// set. Errors: *[ConfigError] if it is a loopback interface, a switch's, or
// removed already; net.ErrClosed.
func (p *Port) Remove() error {
	nd := p.node
	n := nd.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := p.changeable(); err != nil {
		return err
	}
	if p.out != nil {
		peer := p.out.to
		p.out.link.remove()
		peer.node.linkChanged(peer)
	}
	p.removed, p.prefixes = true, nil
	nd.routes = slices.DeleteFunc(nd.routes, func(r *Route) bool { return r.Port == p })
	for _, t := range nd.handles {
		t.forget(p)
	}
	p.readdressed()
	return nil
}

// forget ends the groups and claims that t has on p.
func (t *Transport) forget(p *Port) {
	t.groups.list = slices.DeleteFunc(t.groups.list, func(m membership) bool { return m.index == p.index })
	for i := len(t.claims) - 1; i >= 0; i-- {
		if t.claims[i].index == p.index {
			t.unclaim(i)
		}
	}
}

// Remove disconnects the link for good: the interfaces at its ends are down,
// and can be connected anew. It loses what is on its way. It is idempotent.
func (l *Link) Remove() {
	n := l.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || l.dirs[0].from.out != l.dirs[0] {
		return
	}
	l.remove()
	for _, d := range l.dirs {
		d.from.node.linkChanged(d.from)
	}
	n.changed()
}

// remove is Remove without telling anybody.
func (l *Link) remove() {
	delete(l.net.links, l.name)
	l.net.topology++
	l.down = true
	for _, d := range l.dirs {
		d.cut()
		d.from.out = nil
	}
}
