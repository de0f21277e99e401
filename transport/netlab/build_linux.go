// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/jsimonetti/rtnetlink/v2/driver"
	"golang.org/x/sys/unix"

	"protean/transport/internal/netns"
)

// build makes what p says. On failure the caller closes the lab, which takes
// down what there is.
func (l *Lab) build(p *plan) error {
	for _, np := range p.nodes {
		ns, err := netns.New()
		if err != nil {
			return fmt.Errorf("netlab: node %q: %w", np.Name, err)
		}
		n := newNode(np, ns)
		l.nodes = append(l.nodes, n)
		if err := n.prepare(); err != nil {
			return fmt.Errorf("netlab: node %q: %w", np.Name, err)
		}
	}
	for _, link := range p.links {
		if err := l.wire(link); err != nil {
			return fmt.Errorf("netlab: link %s to %s: %w", l.nodes[link.a.node].name, l.nodes[link.b.node].name, err)
		}
	}
	// All are up before any is waited for: a wire has a carrier when both its
	// ends are. Addresses are usable only then.
	for _, step := range []func(*Node, *rtnetlink.Conn) error{(*Node).up, (*Node).configure, (*Node).settle} {
		for _, n := range l.nodes {
			if err := n.netlink(func(c *rtnetlink.Conn) error { return step(n, c) }); err != nil {
				return fmt.Errorf("netlab: node %q: %w", n.name, err)
			}
		}
	}
	return nil
}

// prepare does what comes before the first link: interfaces copy the default
// settings of their namespace when they are made.
func (n *Node) prepare() error {
	if err := n.Do(func() error { return setSysctls(n.plan.Role) }); err != nil {
		return err
	}
	return n.netlink(func(c *rtnetlink.Conn) error {
		if err := setFlags(c, loopbackIndex, unix.IFF_UP); err != nil {
			return fmt.Errorf("loopback up: %w", err)
		}
		if n.plan.Role != Switch {
			return nil
		}
		if err := c.Link.New(&rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{
			Name: bridgeName,
			Info: &rtnetlink.LinkInfo{Kind: "bridge", Data: floodingBridge{}},
		}}); err != nil {
			return fmt.Errorf("new bridge: %w", err)
		}
		return nil
	})
}

// wire makes a veth pair with each end in its own namespace from the start.
func (l *Lab) wire(link linkPlan) error {
	a, b := l.nodes[link.a.node], l.nodes[link.b.node]
	a.peers, b.peers = append(a.peers, peer{b, link.b.iface}), append(b.peers, peer{a, link.a.iface})
	fa, fb := a.plan.ifaces[link.a.iface], b.plan.ifaces[link.b.iface]
	other := &rtnetlink.LinkMessage{
		Index: uint32(fb.index),
		Attributes: &rtnetlink.LinkAttributes{
			Name:    fb.name,
			Address: fb.hw,
			MTU:     uint32(link.mtu),
			NetNS:   rtnetlink.NetNSForFD(uint32(b.ns.FD())),
		},
	}
	return a.netlink(func(c *rtnetlink.Conn) error {
		err := c.Link.New(&rtnetlink.LinkMessage{
			Index: uint32(fa.index),
			Attributes: &rtnetlink.LinkAttributes{
				Name:    fa.name,
				Address: fa.hw,
				MTU:     uint32(link.mtu),
				Info:    &rtnetlink.LinkInfo{Kind: "veth", Data: &driver.Veth{PeerInfo: other}},
			},
		})
		if err != nil {
			return fmt.Errorf("new veth pair: %w", err)
		}
		return nil
	})
}

// up finds the interfaces of the finished node, plugs those of a switch into
// its bridge, and sets all of them up.
func (n *Node) up(c *rtnetlink.Conn) error {
	links, err := linksByName(c)
	if err != nil {
		return err
	}
	bridge := links[bridgeName]
	for _, f := range n.plan.ifaces {
		link, ok := links[f.name]
		if !ok {
			return fmt.Errorf("%s is missing", f.name)
		}
		n.ifaces = append(n.ifaces, Interface{
			Name: f.name, Index: int(link.Index), MTU: f.mtu, HardwareAddr: link.Attributes.Address, Addr4: f.addr4, Addr6: f.addr6,
		})
		if n.plan.Role == Switch {
			if err := c.Link.Set(&rtnetlink.LinkMessage{
				Index:      link.Index,
				Attributes: &rtnetlink.LinkAttributes{Master: &bridge.Index},
			}); err != nil {
				return fmt.Errorf("%s into the bridge: %w", f.name, err)
			}
		}
		if err := setFlags(c, link.Index, unix.IFF_UP); err != nil {
			return fmt.Errorf("%s up: %w", f.name, err)
		}
	}
	if n.plan.Role == Switch {
		return setFlags(c, bridge.Index, unix.IFF_UP)
	}
	return nil
}
