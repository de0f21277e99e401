// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	nl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The kernel reports carriers and finishes IPv6 addresses from work queues, in
// less than a millisecond on an idle machine.
const (
	settleStep  = 500 * time.Microsecond
	settleLimit = 10 * time.Second
)

// settle waits until every interface is ready.
func (n *Node) settle(c *rtnetlink.Conn) error {
	for i := range n.ifaces {
		if err := n.settleLink(c, i); err != nil {
			return err
		}
	}
	return nil
}

// settleLink waits until an interface passes packets and its IPv6 addresses
// are usable, and notes the link-local one.
func (n *Node) settleLink(c *rtnetlink.Conn, i int) error {
	name, index, port := n.plan.ifaces[i].name, n.plan.ifaces[i].index, n.plan.Role == Switch
	err := poll(func() (missing string, err error) {
		links, err := linksByName(c)
		if err != nil {
			return "", err
		}
		if missing := notReady(links[name].Attributes, port); missing != "" {
			return missing + " on " + name, nil
		}
		return "", nil
	})
	if err != nil {
		return err
	}
	return poll(func() (missing string, err error) {
		all, err := c.Address.List()
		if err != nil {
			return "", fmt.Errorf("list addresses: %w", err)
		}
		own, err := ownAddresses(c)
		if err != nil {
			return "", err
		}
		var usable []netip.Addr
		for _, m := range all {
			if int(m.Index) != index || m.Attributes == nil || m.Attributes.Flags&unix.IFA_F_TENTATIVE != 0 {
				continue
			}
			if a, ok := netip.AddrFromSlice(m.Attributes.Address); ok && (a.Is4() || own[a]) {
				usable = append(usable, a)
			}
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.ifaces[i].match(usable), nil
	})
}

// ownAddresses returns the IPv6 addresses that a node takes to be its own: those
// with a route in the local table. The kernel makes it from a work queue, also
// where an address counts as usable from the start (IFA_F_NODAD). Until then what
// is sent to the address leaves by the interface.
func ownAddresses(c *rtnetlink.Conn) (map[netip.Addr]bool, error) {
	routes, err := c.Route.List()
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	own := make(map[netip.Addr]bool)
	for _, r := range routes {
		if r.Family == unix.AF_INET6 && r.Type == unix.RTN_LOCAL {
			if a, ok := netip.AddrFromSlice(r.Attributes.Dst); ok {
				own[a] = true
			}
		}
	}
	return own, nil
}

// notReady returns what keeps a veth end from passing packets. Its flags do not
// tell: IFF_RUNNING is set while the operational state is still unknown, and
// until the kernel's link watch has made it "up" and given the device its
// queue, what is sent is dropped.
func notReady(a *rtnetlink.LinkAttributes, port bool) string {
	switch {
	case a == nil || a.OperationalState != rtnetlink.OperStateUp:
		return "a carrier"
	case port && portState(a) != bridgeForwarding:
		return "forwarding"
	}
	return ""
}

// bridgeForwarding is BR_STATE_FORWARDING of linux/if_bridge.h.
const bridgeForwarding = 3

// portState returns the IFLA_BRPORT_STATE of a bridge port, 0 if it has none.
func portState(a *rtnetlink.LinkAttributes) uint8 {
	if a.Info == nil {
		return 0
	}
	data, ok := a.Info.SlaveData.(*rtnetlink.LinkData)
	if !ok {
		return 0
	}
	ad, err := nl.NewAttributeDecoder(data.Data)
	if err != nil {
		return 0
	}
	for ad.Next() {
		if ad.Type() == unix.IFLA_BRPORT_STATE {
			return ad.Uint8()
		}
	}
	return 0
}

// match takes the link-local address out of those that are usable, and says
// what the interface still lacks.
func (f *Interface) match(usable []netip.Addr) (missing string) {
	if !f.Addr6.IsValid() {
		return ""
	}
	found := false
	for _, a := range usable {
		if a == f.Addr6.Addr() {
			found = true
		}
		if a.Is6() && a.IsLinkLocalUnicast() {
			f.LinkLocal = a
		}
	}
	switch {
	case !found:
		return fmt.Sprintf("%v on %s", f.Addr6.Addr(), f.Name)
	case !f.LinkLocal.IsValid():
		return "a link-local address on " + f.Name
	}
	return ""
}

// poll calls f until it reports nothing missing.
func poll(f func() (missing string, err error)) error {
	for deadline := time.Now().Add(settleLimit); ; time.Sleep(settleStep) {
		missing, err := f()
		if err != nil || missing == "" {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the kernel did not provide %s within %v", missing, settleLimit)
		}
	}
}
