// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// configure adds the addresses and routes of all interfaces.
func (n *Node) configure(c *rtnetlink.Conn) error {
	for _, f := range n.ifaces {
		if err := n.configureLink(c, f); err != nil {
			return err
		}
	}
	return nil
}

// configureLink adds an interface's addresses and the routes that leave by it.
// What is there already is left alone.
func (n *Node) configureLink(c *rtnetlink.Conn, f Interface) error {
	for _, addr := range []netip.Prefix{f.Addr4, f.Addr6} {
		if !addr.IsValid() {
			continue
		}
		if err := addAddress(c, uint32(f.Index), addr); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("address %v on %s: %w", addr, f.Name, err)
		}
	}
	for _, r := range n.plan.routes {
		if f.Addr4.Contains(r.via4) {
			if err := addRoute(c, uint32(f.Index), r.dst4, r.via4); err != nil {
				return fmt.Errorf("route %v via %v: %w", r.dst4, r.via4, err)
			}
		}
		if r.dst6.IsValid() && f.Addr6.Contains(r.via6) {
			if err := addRoute(c, uint32(f.Index), r.dst6, r.via6); err != nil {
				return fmt.Errorf("route %v via %v: %w", r.dst6, r.via6, err)
			}
		}
	}
	return nil
}

func addAddress(c *rtnetlink.Conn, index uint32, p netip.Prefix) error {
	a := &rtnetlink.AddressAttributes{Address: p.Addr().AsSlice(), Local: p.Addr().AsSlice()}
	m := &rtnetlink.AddressMessage{
		Family:       family(p.Addr()),
		PrefixLength: uint8(p.Bits()),
		Scope:        unix.RT_SCOPE_UNIVERSE,
		Index:        index,
		Attributes:   a,
	}
	if p.Addr().Is4() {
		broadcast := p.Addr().As4()
		broadcast[3] = 255 // all prefixes of the plan are /24
		a.Broadcast = broadcast[:]
	} else {
		a.Flags = unix.IFA_F_NODAD
	}
	return c.Address.New(m)
}

func addRoute(c *rtnetlink.Conn, index uint32, dst netip.Prefix, via netip.Addr) error {
	m := &rtnetlink.RouteMessage{
		Family:    family(via),
		DstLength: uint8(dst.Bits()),
		Table:     unix.RT_TABLE_MAIN,
		Protocol:  unix.RTPROT_STATIC,
		Scope:     unix.RT_SCOPE_UNIVERSE,
		Type:      unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{
			Gateway:  via.AsSlice(),
			OutIface: index,
		},
	}
	if dst.Bits() > 0 {
		m.Attributes.Dst = dst.Addr().AsSlice()
	}
	return c.Route.Replace(m)
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
