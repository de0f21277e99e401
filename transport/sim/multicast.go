// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"net/netip"
	"slices"
	"syscall"

	"protean/transport"
)

// groups are the multicast memberships of a handle.
type groups struct {
	list []membership
}

type membership struct {
	index   int32
	group   netip.Addr
	any     bool         // from every source
	sources []netip.Addr // if not any: from these
}

func (g *groups) find(index int32, group netip.Addr) int {
	return slices.IndexFunc(g.list, func(m membership) bool { return m.index == index && m.group == group })
}

// accept reports whether a multicast packet is to a group that was joined.
func (g *groups) accept(p *transport.Packet) bool {
	if len(g.list) == 0 {
		return false
	}
	i := g.find(p.IfIndex, p.Dst())
	return i >= 0 && (g.list[i].any || slices.Contains(g.list[i].sources, p.Src()))
}

// Join implements [transport.Multicaster]. A membership without sources
// accepts every source, also those of an earlier or later membership with
// sources. Errors: *net.OpError around syscall.ENODEV (no such interface) or
// EINVAL (the group is no multicast address, or a source no unicast address of
// its family); net.ErrClosed.
func (t *Transport) Join(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	group, err := t.checkGroup(opJoin, ifindex, group, sources)
	if err != nil {
		return err
	}
	g := &t.groups
	i := g.find(int32(ifindex), group)
	if i < 0 {
		i = len(g.list)
		g.list = append(g.list, membership{index: int32(ifindex), group: group})
	}
	m := &g.list[i]
	if len(sources) == 0 {
		m.any = true
	}
	for _, s := range sources {
		if s = s.WithZone(""); !slices.Contains(m.sources, s) {
			m.sources = append(m.sources, s)
		}
	}
	return nil
}

// Leave implements [transport.Multicaster]. Without sources the membership
// ends altogether; with sources these are no longer accepted, and it ends if
// none is left. Errors: as for Join, and *net.OpError around
// syscall.EADDRNOTAVAIL if there is no such membership.
func (t *Transport) Leave(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	group, err := t.checkGroup(opLeave, ifindex, group, sources)
	if err != nil {
		return err
	}
	g := &t.groups
	i := g.find(int32(ifindex), group)
	if i < 0 {
		return opError(opLeave, syscall.EADDRNOTAVAIL)
	}
	m := &g.list[i]
	for _, s := range sources {
		if !slices.Contains(m.sources, s.WithZone("")) {
			return opError(opLeave, syscall.EADDRNOTAVAIL)
		}
	}
	for _, s := range sources {
		m.sources = slices.DeleteFunc(m.sources, func(o netip.Addr) bool { return o == s.WithZone("") })
	}
	if len(sources) == 0 || len(m.sources) == 0 && !m.any {
		g.list = slices.Delete(g.list, i, i+1)
	}
	return nil
}

func (t *Transport) checkGroup(op string, ifindex int, group netip.Addr, sources []netip.Addr) (netip.Addr, error) {
	if err := t.usable(); err != nil {
		return group, err
	}
	if ifindex < 1 || ifindex > len(t.node.ports) || t.node.ports[ifindex-1].removed {
		return group, opError(op, syscall.ENODEV)
	}
	group = group.WithZone("")
	if !group.IsMulticast() || group.Is4In6() {
		return group, opError(op, syscall.EINVAL)
	}
	for _, s := range sources {
		if !s.IsValid() || s.Is4() != group.Is4() || s.Is4In6() || s.IsMulticast() || s.IsUnspecified() {
			return group, opError(op, syscall.EINVAL)
		}
	}
	return group, nil
}
