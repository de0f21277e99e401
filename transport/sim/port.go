// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"protean/transport"
)

// A Port is a network interface of a node.
type Port struct {
	node  *Node
	name  string
	index int32

	prefixes   []netip.Prefix
	broadcasts []uint32   // of the prefixes that have one
	claims     []key      // addresses taken over; see claim.go
	out        *direction // of the link; nil if there is none
	removed    bool
}

// Name returns the interface's name, such as "eth0".
func (p *Port) Name() string { return p.name }

// Node returns the node it belongs to.
func (p *Port) Node() *Node { return p.node }

// Index returns the interface's index, positive and unique in its node.
func (p *Port) Index() int { return int(p.index) }

// String returns the names of node and interface, such as "a:eth0".
func (p *Port) String() string { return p.node.name + ":" + p.name }

// Prefixes returns the interface's addresses, each with the length of its
// prefix.
func (p *Port) Prefixes() []netip.Prefix {
	p.node.net.mu.Lock()
	defer p.node.net.mu.Unlock()
	return slices.Clone(p.prefixes)
}

// Port returns the interface of this name, nil if there is none.
func (nd *Node) Port(ifname string) *Port {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	for _, p := range nd.ports {
		if p.name == ifname && !p.removed {
			return p
		}
	}
	return nil
}

// AddInterface adds an interface with its own addresses, each with the length
// of its prefix: "10.0.0.1/24". Its name has at most 15 letters, digits and
// ".", "_", "-". It is down until it is connected. Errors: *[ConfigError],
// net.ErrClosed.
func (nd *Node) AddInterface(ifname string, prefixes ...netip.Prefix) (*Port, error) {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	if err := nd.usable(); err != nil {
		return nil, err
	}
	object := fmt.Sprintf("interface %q of node %s", ifname, nd.name)
	if err := checkName(object, ifname, 15); err != nil {
		return nil, err
	}
	object = "interface " + nd.name + ":" + ifname
	if nd.sw != nil {
		return nil, &ConfigError{object, "node", "is a switch"}
	}
	if nd.port(ifname) != nil {
		return nil, &ConfigError{object, "name", "is taken"}
	}
	for i, p := range prefixes {
		if err := nd.checkPrefix(object, p, prefixes[:i]); err != nil {
			return nil, err
		}
	}
	p := nd.addPort(ifname, prefixes)
	nd.linkChanged(p)
	return p, nil
}

// checkPrefix says why p cannot be an address of an interface of the node that
// has the others already.
func (nd *Node) checkPrefix(object string, p netip.Prefix, others []netip.Prefix) error {
	reason := badPrefix(p)
	own := slices.ContainsFunc(others, func(q netip.Prefix) bool { return q.Addr() == p.Addr() })
	if reason == "" && (own || nd.has(p.Addr())) {
		reason = "has an address that the node has already"
	}
	if reason == "" {
		return nil
	}
	return &ConfigError{object, "prefix " + p.String(), reason}
}

// badPrefix says why p cannot be an interface's own, or nothing.
func badPrefix(p netip.Prefix) string {
	a := p.Addr()
	switch {
	case !p.IsValid():
		return "is not valid"
	case a.Is4In6():
		return "is an IPv4 address in IPv6 form"
	case a.IsUnspecified(), a.IsMulticast(), a.IsLoopback():
		return "is not of a unicast address of an interface"
	case a.Is4() && (a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || p.Bits() < 31 && be32(a) == broadcast(p)):
		return "is not of a unicast address but of a broadcast address"
	}
	return ""
}

func be32(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// broadcast returns the address of p whose host bits are all ones.
func broadcast(p netip.Prefix) uint32 { return be32(p.Addr()) | (1<<(32-p.Bits()) - 1) }

// hasV6 reports whether one of the port's addresses is an IPv6 address.
func (p *Port) hasV6() bool {
	return slices.ContainsFunc(p.prefixes, func(q netip.Prefix) bool { return q.Addr().Is6() })
}

func (p *Port) has(a netip.Addr) bool {
	return slices.ContainsFunc(p.prefixes, func(q netip.Prefix) bool { return q.Addr() == a })
}

// loopback reports whether this is the node's own "lo".
func (p *Port) loopback() bool { return p.index == loIndex }

func (p *Port) up() bool { return !p.removed && p.out != nil && p.out.up() }

func (p *Port) snapshot() transport.Interface {
	i := transport.Interface{
		Index:     int(p.index),
		Name:      p.name,
		MTU:       DefaultMTU,
		Prefixes:  slices.Clone(p.prefixes),
		Up:        p.up(),
		Broadcast: !p.loopback(),
		Multicast: !p.loopback(),
		Loopback:  p.loopback(),
		Removed:   p.removed,
	}
	if p.out != nil {
		i.MTU = p.out.mtu
	}
	return i
}
