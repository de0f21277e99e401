// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"fmt"
	"net"
)

// A Link connects two ports.
type Link struct {
	net  *Network
	name string
	down bool
	dirs [2]*direction // forth, back
}

// LinkStats counts the packets of one direction of a link:
//
//	Offered == Delivered + Lost + QueueDropped + TooBig + Filtered + Down +
//		Partitioned + InFlight
type LinkStats struct {
	Offered      uint64 // packets that were to be sent
	OfferedBytes uint64 // from their IP headers on
	Delivered    uint64 // arrived, copies not counted
	Lost         uint64 // lost on the way
	QueueDropped uint64 // found the queue full
	TooBig       uint64 // larger than the MTU of the sender, who was told, or of a stage
	Filtered     uint64 // dropped by a middlebox
	Down         uint64 // the link, or a node at its end, was down or went down while they were on their way
	Partitioned  uint64 // a partition kept them from arriving
	InFlight     uint64 // waiting or on their way now

	Duplicated uint64 // copies made, whatever became of them
	Reordered  uint64 // held back
	Corrupted  uint64 // had bits flipped
	Marked     uint64 // were marked: congestion experienced
}

// Connect connects two ports by a link, which is up. A port can have one link.
// Both ports may belong to the same node. Errors: *[ConfigError],
// net.ErrClosed.
func (n *Network) Connect(a, b *Port, cfg *LinkConfig) (*Link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range []*Port{a, b} {
		if p != nil && p.node.sw != nil {
			return nil, &ConfigError{"link", "port " + p.String(), "is a switch's: use Switch.Connect"}
		}
	}
	return n.connect(a, b, cfg)
}

func (n *Network) connect(a, b *Port, cfg *LinkConfig) (*Link, error) {
	if n.closed {
		return nil, net.ErrClosed
	}
	var c LinkConfig
	if cfg != nil {
		c = *cfg
	}
	object := "link"
	if c.Name != "" {
		object = fmt.Sprintf("link %q", c.Name)
	}
	for _, p := range []*Port{a, b} {
		switch {
		case p == nil:
			return nil, &ConfigError{object, "port", "is nil"}
		case p.node.net != n:
			return nil, &ConfigError{object, "port " + p.String(), "belongs to another network"}
		case p.loopback():
			return nil, &ConfigError{object, "port " + p.String(), "is a loopback interface"}
		case p.removed:
			return nil, &ConfigError{object, "port " + p.String(), "is removed"}
		case p.out != nil:
			return nil, &ConfigError{object, "port " + p.String(), "is connected already"}
		}
	}
	if a == b {
		return nil, &ConfigError{object, "port " + a.String(), "cannot be connected to itself"}
	}
	if c.Name == "" {
		c.Name = a.String() + "-" + b.String()
	} else if err := checkName(object, c.Name, 127); err != nil {
		return nil, err
	}
	if n.links[c.Name] != nil {
		return nil, &ConfigError{"link " + c.Name, "Name", "is taken"}
	}
	if err := c.validate(c.Name, a.hasV6() || b.hasV6()); err != nil {
		return nil, err
	}
	l := &Link{net: n, name: c.Name}
	l.dirs = [2]*direction{newDirection(n, l, c.Name, a, b, false), newDirection(n, l, c.Name, b, a, true)}
	if err := l.set(&c); err != nil {
		return nil, err
	}
	n.links[c.Name] = l
	n.topology++
	a.out, b.out = l.dirs[0], l.dirs[1]
	a.node.linkChanged(a)
	b.node.linkChanged(b)
	return l, nil
}

// Name returns the link's name.
func (l *Link) Name() string { return l.name }

// Ports returns the interfaces that the link connects.
func (l *Link) Ports() [2]*Port { return [2]*Port{l.dirs[0].from, l.dirs[1].from} }

// SetUp takes the link up or down. The handles at both ends have an event of
// kind LinkChanged for it. A link that goes down loses what waits for it or is
// on its way, and while it is down it loses what is sent: Commit takes it, as
// Linux does from an interface without carrier.
func (l *Link) SetUp(up bool) {
	n := l.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.down == !up || n.closed {
		return
	}
	l.down = !up
	if !up {
		for _, d := range l.dirs {
			d.cut()
		}
	}
	for _, d := range l.dirs {
		d.from.node.linkChanged(d.from)
	}
}

// Stats returns a snapshot of what the two directions counted: first from the
// first port to the second, then back.
func (l *Link) Stats() (forth, back LinkStats) {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	return l.dirs[0].stats(), l.dirs[1].stats()
}
