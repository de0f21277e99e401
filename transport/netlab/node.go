// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"net"
	"net/netip"
	"slices"
	"sync"

	"protean/transport/internal/netns"
)

// A Node is one network namespace of a lab. It is safe for concurrent use and
// valid until its lab is closed.
type Node struct {
	name string
	plan nodePlan
	ns   *netns.Handle
	keeper

	mu     sync.Mutex // guards ifaces
	ifaces []Interface
	peers  []peer // the other end of each of ifaces
}

// A peer is an interface of a node, by its place in ifaces.
type peer struct {
	node  *Node
	iface int
}

// An Interface is one end of a wire.
type Interface struct {
	Name         string // eth0, eth1, ... in the order of Topology.Links
	Index        int    // unique in the lab
	MTU          int    // bytes
	HardwareAddr net.HardwareAddr
	Addr4        netip.Prefix // address and prefix length; invalid on a switch
	Addr6        netip.Prefix // the same; also invalid below an MTU of 1280 and without IPv6 in the kernel

	// LinkLocal is in fe80::/64 and has no zone; invalid where Addr6 is. As a zone
	// use the sender's Index in decimal, not its Name: package net remembers
	// the index of a name for a while, whatever namespace it is from.
	LinkLocal netip.Addr
}

func newNode(p nodePlan, ns *netns.Handle) *Node {
	return &Node{name: p.Name, plan: p, ns: ns, keeper: newKeeper()}
}

// Name returns the name the topology gave to the node.
func (n *Node) Name() string { return n.name }

// NetNS returns a path that opens the node's namespace, under /proc and valid
// until the lab is closed. It suits anything that takes a network namespace by
// path: other packages' NetNS fields, nsenter --net.
func (n *Node) NetNS() string { return n.ns.Path() }

// Interfaces returns the node's interfaces, without the loopback interface, as
// they were built and last changed by SetMTU. The slice is the caller's; what
// its elements refer to must not be changed.
func (n *Node) Interfaces() []Interface {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ifaces)
}

// Addr4 returns the IPv4 address of the first interface that has one, or the
// invalid address.
func (n *Node) Addr4() netip.Addr {
	for _, f := range n.Interfaces() {
		if f.Addr4.IsValid() {
			return f.Addr4.Addr()
		}
	}
	return netip.Addr{}
}

// Addr6 returns the IPv6 address, not the link-local one, of the first
// interface that has one, or the invalid address.
func (n *Node) Addr6() netip.Addr {
	for _, f := range n.Interfaces() {
		if f.Addr6.IsValid() {
			return f.Addr6.Addr()
		}
	}
	return netip.Addr{}
}

// Do runs f inside the node's namespace and returns its error. What f creates,
// such as a socket, stays in the namespace; f runs locked to a thread, maybe on
// another goroutine, and goroutines it starts are outside. A panic in f
// reaches the caller, wrapped with its stack, and so does
// [runtime.Goexit], so f may call t.Fatal.
func (n *Node) Do(f func() error) error { return n.ns.Do(f) }

func (n *Node) close() error {
	n.keeper.close(n.ns)
	return n.ns.Close()
}
