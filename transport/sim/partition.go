// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"fmt"
	"net"
	"slices"
)

// A Partition keeps nodes apart, until it is healed.
type Partition struct {
	net  *Network
	side map[*Node]int
}

// Partition keeps the nodes of different sides apart. A packet is lost
// ([Partitioned]) when it arrives at a node that is on another side than the
// node that it came from first, or than the last one that passed it on. So
// packets on their way when the partition begins are lost, too, and those on
// their way when it is healed get through. Nobody is told: links stay up. Nodes
// on no side are not affected, and of several partitions each has its effect.
// Errors: *[ConfigError] (less than two sides, a node on two sides, or not of
// the network); net.ErrClosed.
func (n *Network) Partition(sides ...[]*Node) (*Partition, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, net.ErrClosed
	}
	if len(sides) < 2 {
		return nil, &ConfigError{"partition", "sides", fmt.Sprintf("are %d, not two or more", len(sides))}
	}
	p := &Partition{net: n, side: map[*Node]int{}}
	for i, side := range sides {
		for _, nd := range side {
			if nd == nil || nd.net != n {
				return nil, &ConfigError{"partition", "node", "is not of this network"}
			}
			if _, ok := p.side[nd]; ok {
				return nil, &ConfigError{"partition", "node " + nd.name, "is given twice"}
			}
			p.side[nd] = i
		}
	}
	n.partitions = append(n.partitions, p)
	return p, nil
}

// Heal ends the partition. It is idempotent.
func (p *Partition) Heal() {
	n := p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	n.partitions = slices.DeleteFunc(n.partitions, func(o *Partition) bool { return o == p })
	if len(n.partitions) == 0 {
		n.partitions = nil
	}
}

// Heal ends all partitions.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.partitions = nil
}

// separates reports whether a partition keeps a packet from arriving at nd.
func (n *Network) separates(l *label, nd *Node) bool {
	for _, p := range n.partitions {
		to, ok := p.side[nd]
		if !ok {
			continue
		}
		if from, ok := p.side[l.origin]; ok && from != to {
			return true
		}
		if from, ok := p.side[l.last]; ok && from != to {
			return true
		}
	}
	return false
}
