// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"

	"github.com/jsimonetti/rtnetlink/v2"
	nl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	loopbackIndex = 1 // in every namespace; LOOPBACK_IFINDEX in include/net/flow.h
	bridgeName    = "br0"
)

// netlink runs f with a route netlink socket in the node's namespace.
func (n *Node) netlink(f func(*rtnetlink.Conn) error) error {
	return n.Do(func() error { return netlink(f) })
}

// netlink runs f with a route netlink socket in the calling thread's namespace.
func netlink(f func(*rtnetlink.Conn) error) error {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return fmt.Errorf("netlink socket: %w", err)
	}
	defer c.Close()
	// For the kernel's own words in errors; not in kernels before 4.12.
	c.SetOption(nl.ExtendedAcknowledge, true)
	return f(c)
}

// setFlags gives the link's IFF_UP flag the value it has in flags.
func setFlags(c *rtnetlink.Conn, index, flags uint32) error {
	return c.Link.Set(&rtnetlink.LinkMessage{Index: index, Flags: flags, Change: unix.IFF_UP})
}

func linksByName(c *rtnetlink.Conn) (map[string]rtnetlink.LinkMessage, error) {
	all, err := c.Link.List()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	links := make(map[string]rtnetlink.LinkMessage, len(all))
	for _, l := range all {
		if l.Attributes != nil {
			links[l.Attributes.Name] = l
		}
	}
	return links, nil
}

// floodingBridge is the bridge driver's configuration with multicast snooping
// off: it needs a querier, and there is none.
type floodingBridge struct{}

var _ rtnetlink.LinkDriver = floodingBridge{}

func (floodingBridge) New() rtnetlink.LinkDriver { return floodingBridge{} }
func (floodingBridge) Kind() string              { return "bridge" }

func (floodingBridge) Encode(ae *nl.AttributeEncoder) error {
	ae.Uint8(unix.IFLA_BR_MCAST_SNOOPING, 0)
	return nil
}

func (floodingBridge) Decode(*nl.AttributeDecoder) error { return nil }
