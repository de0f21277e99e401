// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"
	"net/netip"
)

// SetLink sets an interface up or down (IFF_UP), and with it the carrier at
// the other end. Coming up, it gets its addresses and routes back. If the other
// end is up too, SetLink returns when both pass packets again.
func (n *Node) SetLink(iface string, up bool) error {
	f, i, err := n.find(iface)
	if err == nil {
		err = n.setLink(f, i, up)
	}
	if err != nil {
		return fmt.Errorf("netlab: set link %s of node %q: %w", iface, n.name, err)
	}
	return nil
}

// SetMTU changes the MTU, in bytes, of one end of a wire. Below 1280 the kernel
// removes IPv6 from the interface, Addr6 and LinkLocal become invalid, and a later
// change does not bring them back.
func (n *Node) SetMTU(iface string, mtu int) error {
	f, i, err := n.find(iface)
	if err == nil {
		err = n.setMTU(f, mtu)
	}
	if err != nil {
		return fmt.Errorf("netlab: set MTU of %s of node %q: %w", iface, n.name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ifaces[i].MTU = mtu
	if mtu < minMTU6 {
		n.ifaces[i].Addr6, n.ifaces[i].LinkLocal = netip.Prefix{}, netip.Addr{}
	}
	return nil
}

// Replug takes an interface out of the node, into a namespace that is not the lab's, and
// puts it back. It is up then, with its addresses and routes, its name and index; but for
// programs that used it, it was gone, and is another one. It may have been down before.
// Interfaces of switches cannot be replugged.
func (n *Node) Replug(iface string) error {
	f, i, err := n.find(iface)
	switch {
	case err != nil:
	case n.plan.Role == Switch:
		err = fmt.Errorf("it is a switch")
	default:
		if err = n.replug(f); err == nil {
			err = n.setLink(f, i, true)
		}
	}
	if err != nil {
		return fmt.Errorf("netlab: replug %s of node %q: %w", iface, n.name, err)
	}
	return nil
}

func (n *Node) find(iface string) (f Interface, index int, err error) {
	for i, f := range n.Interfaces() {
		if f.Name == iface {
			return f, i, nil
		}
	}
	return Interface{}, 0, fmt.Errorf("no such interface")
}
