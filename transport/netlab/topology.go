// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"
	"slices"
)

// A Role is what a node does with packets that are not for it.
type Role int

const (
	Host   Role = iota // drops them
	Router             // forwards them by destination address, IPv4 and IPv6
	Switch             // forwards frames by hardware address; has no IP addresses
)

// A Topology describes a network. The zero value is an empty one.
type Topology struct {
	Nodes []NodeSpec
	Links []LinkSpec
}

// A NodeSpec describes one node, a network namespace.
type NodeSpec struct {
	Name string // unique in its topology, not empty
	Role Role
}

// A LinkSpec describes a wire between two nodes.
type LinkSpec struct {
	A, B string // names of its ends
	MTU  int    // bytes of an IP packet, 68 to 65535; 0 means 1500
}

const (
	defaultMTU = 1500
	minMTU     = 68   // RFC 791
	minMTU6    = 1280 // RFC 8200, section 5: the kernel has no IPv6 on less
	maxMTU     = 65535
	maxNumber  = 254 // segments, and interfaces on a segment
)

// Pair returns two hosts on a wire, "a" and "b".
func Pair() Topology { return Line(0) }

// Line returns the hosts "a" and "b" with routers in a row between them: "r1"
// next to a, "r2" and so on. Links[i] is the i-th wire from a, from 0.
func Line(routers int) Topology {
	t := Topology{Nodes: []NodeSpec{{Name: "a"}}}
	last := "a"
	for i := range routers {
		r := fmt.Sprintf("r%d", i+1)
		t.Nodes = append(t.Nodes, NodeSpec{Name: r, Role: Router})
		t.Links = append(t.Links, LinkSpec{A: last, B: r})
		last = r
	}
	t.Nodes = append(t.Nodes, NodeSpec{Name: "b"})
	t.Links = append(t.Links, LinkSpec{A: last, B: "b"})
	return t
}

// Star returns hosts "h1", "h2" and so on, each on a wire to the switch "sw".
// Links[i] is the wire of the i-th host, from 0.
func Star(hosts int) Topology {
	t := Topology{Nodes: []NodeSpec{{Name: "sw", Role: Switch}}}
	for i := range hosts {
		h := fmt.Sprintf("h%d", i+1)
		t.Nodes = append(t.Nodes, NodeSpec{Name: h})
		t.Links = append(t.Links, LinkSpec{A: h, B: "sw"})
	}
	return t
}

// WithMTU returns a copy of t in which every link has the given MTU.
func (t Topology) WithMTU(mtu int) Topology {
	t.Nodes, t.Links = slices.Clone(t.Nodes), slices.Clone(t.Links)
	for i := range t.Links {
		t.Links[i].MTU = mtu
	}
	return t
}

// WithLinkMTU returns a copy of t in which Links[link] has the given MTU. It
// panics if there is no such link.
func (t Topology) WithLinkMTU(link, mtu int) Topology {
	t.Nodes, t.Links = slices.Clone(t.Nodes), slices.Clone(t.Links)
	t.Links[link].MTU = mtu
	return t
}

func (t Topology) validate() error {
	known := make(map[string]bool, len(t.Nodes))
	for _, n := range t.Nodes {
		switch {
		case n.Name == "":
			return fmt.Errorf("netlab: a node has no name")
		case known[n.Name]:
			return fmt.Errorf("netlab: two nodes are named %q", n.Name)
		case n.Role < Host || n.Role > Switch:
			return fmt.Errorf("netlab: node %q has the unknown role %d", n.Name, n.Role)
		}
		known[n.Name] = true
	}
	for i, l := range t.Links {
		switch {
		case !known[l.A]:
			return fmt.Errorf("netlab: link %d ends at %q, which is not a node", i, l.A)
		case !known[l.B]:
			return fmt.Errorf("netlab: link %d ends at %q, which is not a node", i, l.B)
		case l.A == l.B:
			return fmt.Errorf("netlab: link %d joins %q to itself", i, l.A)
		case l.MTU != 0 && (l.MTU < minMTU || l.MTU > maxMTU):
			return fmt.Errorf("netlab: link %d has an MTU of %d, outside %d to %d", i, l.MTU, minMTU, maxMTU)
		}
	}
	return nil
}
