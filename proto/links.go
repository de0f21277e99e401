// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net/netip"

	"protean/transport"
)

// links is what the host knows of its interfaces, for source addresses. It is
// immutable.
type links struct {
	all       []transport.Interface
	broadcast map[netip.Addr]struct{} // of subnets, and the limited one
	octets    [256]bool               // that end one of them
	minMTU    int                     // of the interfaces that are up; 0 if there is none
}

// setLinks replaces what the host knows of its interfaces.
func (h *Host) setLinks(all []transport.Interface) {
	l := &links{all: all, broadcast: map[netip.Addr]struct{}{broadcast4: {}}}
	l.octets[255] = true
	for i := range all {
		if it := &all[i]; it.Up && it.MTU > 0 && (l.minMTU == 0 || it.MTU < l.minMTU) {
			l.minMTU = it.MTU
		}
		for _, p := range all[i].Prefixes {
			if a := p.Addr(); a.Is4() && p.Bits() < 31 && all[i].Broadcast {
				last := lastAddr(p)
				l.broadcast[last] = struct{}{}
				l.octets[last.As4()[3]] = true
			}
		}
	}
	h.links.Store(l)
	h.routes.flush()
}

// listLinks takes in what interfaces there are. Events tell when, not what: each may be older
// than another's list.
func (h *Host) listLinks() {
	h.linksMu.Lock() // two lists are stored in the order in which they were made
	defer h.linksMu.Unlock()
	h.setLinks(h.t.Interfaces())
}

// lastAddr is the all-ones address of an IPv4 prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

func (l *links) byIndex(index int) *transport.Interface {
	for i := range l.all {
		if l.all[i].Index == index {
			return &l.all[i]
		}
	}
	return nil
}

func (l *links) byName(name string) *transport.Interface {
	for i := range l.all {
		if l.all[i].Name == name {
			return &l.all[i]
		}
	}
	return nil
}

// source is the address of the outgoing interface; if that is not given, of the
// one that dst is on the link of, or else of the first that is up and has one.
func (l *links) source(dst netip.Addr, ifindex int) (src netip.Addr) {
	for i := range l.all {
		it := &l.all[i]
		if ifindex != 0 && it.Index != ifindex {
			continue
		}
		if ifindex == 0 && (!it.Up || it.Loopback != dst.IsLoopback()) {
			continue
		}
		for _, p := range it.Prefixes {
			if p.Contains(dst) {
				return p.Addr().WithZone("")
			}
		}
		if !src.IsValid() {
			src = it.Addr(dst.Is6()).WithZone("")
		}
	}
	return src
}

// isOwn reports whether a packet received to dst may be answered from there:
// whether dst is a unicast address of this host. What a transport delivers is
// addressed to this host, unless foreign packets were asked for.
func (h *Host) isOwn(dst netip.Addr, t transport.PacketType) bool {
	if t != transport.PacketHost || dst.IsMulticast() || dst.IsUnspecified() {
		return false
	}
	l := h.links.Load()
	if l.isBroadcast(dst) {
		return false
	}
	if !h.foreign.Load() {
		return true
	}
	return l.has(dst)
}

// isLocal reports whether a packet is to this host. Multicast counts: the
// groups joined are known to the transport alone.
func (h *Host) isLocal(p *Packet) bool {
	dst := p.Dst()
	if p.Type() == transport.PacketOtherHost {
		return false
	}
	l := h.links.Load()
	return l.isBroadcast(dst) || dst.IsMulticast() || l.has(dst)
}

// isBroadcast reports whether this is the limited broadcast address, or that of
// a subnet.
func (l *links) isBroadcast(a netip.Addr) bool {
	if !a.Is4() || !l.octets[a.As4()[3]] {
		return false // as most are, without a search
	}
	_, ok := l.broadcast[a]
	return ok
}

// has reports whether an interface has this address.
func (l *links) has(a netip.Addr) bool {
	for i := range l.all {
		for _, p := range l.all[i].Prefixes {
			if p.Addr().WithZone("") == a {
				return true
			}
		}
	}
	return false
}
