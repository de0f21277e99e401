// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport/internal/netns"
)

func (n *Node) setLink(f Interface, i int, up bool) error {
	if !up {
		return n.netlink(func(c *rtnetlink.Conn) error { return setFlags(c, uint32(f.Index), 0) })
	}
	carrier := false
	err := n.netlink(func(c *rtnetlink.Conn) error {
		if err := setFlags(c, uint32(f.Index), unix.IFF_UP); err != nil {
			return err
		}
		links, err := linksByName(c)
		if err != nil {
			return err
		}
		// Set at once if the other end is up, unlike the operational state.
		carrier = links[f.Name].Flags&unix.IFF_LOWER_UP != 0
		// Setting a link down dropped its routes.
		return n.configureLink(c, f)
	})
	if err != nil || !carrier {
		return err
	}
	for _, end := range []peer{{n, i}, n.peers[i]} {
		if err := end.node.netlink(func(c *rtnetlink.Conn) error { return end.node.settleLink(c, end.iface) }); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) setMTU(f Interface, mtu int) error {
	if mtu < minMTU || mtu > maxMTU {
		return fmt.Errorf("%d is outside %d to %d", mtu, minMTU, maxMTU)
	}
	return n.netlink(func(c *rtnetlink.Conn) error {
		return c.Link.Set(&rtnetlink.LinkMessage{
			Index:      uint32(f.Index),
			Attributes: &rtnetlink.LinkAttributes{MTU: uint32(mtu)},
		})
	})
}

func (n *Node) replug(f Interface) error {
	away, err := netns.New()
	if err != nil {
		return err
	}
	defer away.Close()
	move := func(to *netns.Handle) func(*rtnetlink.Conn) error {
		return func(c *rtnetlink.Conn) error {
			return c.Link.Set(&rtnetlink.LinkMessage{
				Index:      uint32(f.Index),
				Attributes: &rtnetlink.LinkAttributes{NetNS: rtnetlink.NetNSForFD(uint32(to.FD()))},
			})
		}
	}
	if err := n.netlink(move(away)); err != nil {
		return err
	}
	return away.Do(func() error { return netlink(move(n.ns)) })
}
