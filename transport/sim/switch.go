// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"fmt"
	"slices"

	"protean/transport/impair"
)

// A Switch makes one link out of several: what is sent to a group or a
// broadcast address goes to all that are connected to it, and everything else
// to the one that has the address of the next hop. There being no link layer,
// the switch knows from the configuration who that is: the interface with that
// address, or a handle that has claimed it, or, if there is neither, the nodes
// with a handle that receives foreign packets. If there is nobody at all, the
// packet is dropped ([NoNeighbor]).
//
// A switch has no delay and no queue of its own: its links have.
type Switch struct {
	node  *Node // without programs and addresses
	ways  map[hopKey]*Port
	since uint64 // Network.topology that ways is right for
}

// A hopKey is the address of a next hop.
type hopKey struct {
	key
	v6 bool
}

// maxWays bounds what a switch remembers.
const maxWays = 1 << 16

// Switch adds a switch. Names are those of nodes. Errors: as for
// [Network.Node].
func (n *Network) Switch(switchName string) (*Switch, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	nd, err := n.add("switch", switchName)
	if err != nil {
		return nil, err
	}
	s := &Switch{node: nd}
	nd.sw = s
	return s, nil
}

// Name returns the switch's name.
func (s *Switch) Name() string { return s.node.name }

// Connect connects an interface to the switch, by a link whose first port is
// the interface. The switch's ports are named p1, p2 and so on. Errors: as for
// [Network.Connect].
func (s *Switch) Connect(p *Port, cfg *LinkConfig) (*Link, error) {
	n := s.node.net
	n.mu.Lock()
	defer n.mu.Unlock()
	return s.attach(p, cfg)
}

// Join connects another switch. Errors: as for [Network.Connect], also if
// there is a way between the two already: what is sent to all would go round
// for ever.
func (s *Switch) Join(o *Switch, cfg *LinkConfig) (*Link, error) {
	n := s.node.net
	n.mu.Lock()
	defer n.mu.Unlock()
	object := "link of switch " + s.node.name
	switch {
	case o == nil:
		return nil, &ConfigError{object, "switch", "is nil"}
	case o.node.net != n:
		return nil, &ConfigError{object, "switch " + o.Name(), "belongs to another network"}
	case s.reaches(o, nil):
		return nil, &ConfigError{object, "switch " + o.Name(), "is connected already, so that there would be a loop"}
	}
	return s.attach(o.newPort(), cfg)
}

func (s *Switch) newPort() *Port {
	return s.node.addPort(fmt.Sprintf("p%d", len(s.node.ports)), nil)
}

// attach connects p to a new port, which is gone again if that fails.
func (s *Switch) attach(p *Port, cfg *LinkConfig) (*Link, error) {
	own := s.newPort()
	l, err := s.node.net.connect(p, own, cfg)
	if err != nil {
		s.node.ports = s.node.ports[:len(s.node.ports)-1]
		if p != nil && p.node.sw != nil {
			p.node.ports = slices.DeleteFunc(p.node.ports, func(q *Port) bool { return q == p })
		}
	}
	return l, err
}

// reaches reports whether o is s or connected to it through switches, other
// than by the port from.
func (s *Switch) reaches(o *Switch, from *Port) bool {
	if s == o {
		return true
	}
	for _, p := range s.node.ports[1:] {
		if p == from || p.out == nil {
			continue
		}
		if next := p.out.to; next.node.sw != nil && next.node.sw.reaches(o, next) {
			return true
		}
	}
	return false
}

// pass passes on what arrived through in.
func (s *Switch) pass(in *Port, f *impair.Packet[label]) {
	n := s.node.net
	if !f.Meta.flood {
		if p := s.way(f.Meta.hop, f.Meta.v6); p != nil {
			if p != in {
				s.send(p, f, true)
				return
			}
			s.drop(in, f)
			return
		}
	}
	// To all, or to all that take what is not theirs.
	var last *Port
	for _, p := range s.node.ports[1:] {
		if p == in || p.out == nil || !f.Meta.flood && !foreign(p.out.to) {
			continue
		}
		if last != nil {
			s.send(last, f, false)
		}
		last = p
	}
	if last != nil {
		s.send(last, f, true)
		return
	}
	if f.Meta.flood {
		n.bufs.put(f.Data)
		return
	}
	s.drop(in, f)
}

func (s *Switch) drop(in *Port, f *impair.Packet[label]) {
	s.node.trace(NoNeighbor, in, f.Data)
	s.node.net.bufs.put(f.Data)
}

// send passes a packet on through p. If whole is set, its memory is p's from
// now on.
func (s *Switch) send(p *Port, f *impair.Packet[label], whole bool) {
	if len(f.Data) > p.out.mtu {
		p.out.refuse(f.Data, f.Time)
	} else if _, kept := p.out.send(f.Data, f.Time, whole, &f.Meta); kept {
		return
	}
	if whole {
		s.node.net.bufs.put(f.Data)
	}
}

// way returns the port that leads to the owner of an address; nil if nobody
// has it.
func (s *Switch) way(k key, v6 bool) *Port {
	n := s.node.net
	if s.since != n.topology || s.ways == nil || len(s.ways) > maxWays {
		s.since = n.topology
		s.ways = map[hopKey]*Port{}
	}
	h := hopKey{k, v6}
	p, known := s.ways[h]
	if !known {
		for _, q := range s.node.ports[1:] {
			if q.out != nil && leadsTo(q.out.to, k, v6) {
				p = q
				break
			}
		}
		s.ways[h] = p
	}
	return p
}

// leadsTo reports whether the owner of an address is p, or behind it.
func leadsTo(p *Port, k key, v6 bool) bool {
	if p.node.sw == nil {
		return p.answers(k, v6)
	}
	for _, q := range p.node.ports[1:] {
		if q != p && q.out != nil && leadsTo(q.out.to, k, v6) {
			return true
		}
	}
	return false
}

// foreign reports whether p, or one behind it, takes what is not for it.
func foreign(p *Port) bool {
	if p.node.sw == nil {
		return p.node.takesForeign()
	}
	for _, q := range p.node.ports[1:] {
		if q != p && q.out != nil && foreign(q.out.to) {
			return true
		}
	}
	return false
}
