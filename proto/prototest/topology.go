// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"net/netip"
	"testing"

	"protean/transport/sim"
)

// Topology returns a stepped network, which ends with the test, from a text:
//
//	a - r1 - b; r1 - c [delay 10ms, loss 1%]
//
// That is three hosts and a router. Names of r and a number are routers, those
// of s and a number switches; others can be named with their kind: "gw:router",
// "lan:switch", "r2:host". The settings in brackets, which end a part, are for all
// links of it ("a - r1 [mtu 1400]; r1 - b"), and beside those of cfg.Link: delay, jitter, loss, duplicate, reorder
// and reorderdelay, mtu, queue (in packets), rate (in bits per second, with k,
// M or G). Lines count as parts, and "#" begins a comment.
//
// Each link, or switch with what it connects, has the prefixes 10.0.N.0/24 and
// fd00:0:0:N::/64, N counted from 0 in the order in which they are named, and
// the nodes on it the addresses 1, 2 and so on. Interfaces are named eth0, eth1
// and so on. Routes lead everywhere. Links with an MTU of less than 1280 have
// no IPv6. cfg may be nil.
func Topology(tb testing.TB, text string, cfg *Config) *Net {
	tb.Helper()
	return build(tb, text, cfg, stepped)
}

// BubbleTopology is Topology in a testing/synctest bubble, with the hosts
// running, as for BubblePair.
func BubbleTopology(tb testing.TB, text string, cfg *Config) *Net {
	tb.Helper()
	return build(tb, text, cfg, bubbled)
}

// LiveTopology is Topology in real time, with the hosts running.
func LiveTopology(tb testing.TB, text string, cfg *Config) *Net {
	tb.Helper()
	return build(tb, text, cfg, live)
}

// A segment is a link, or several connected by switches: those on it reach each
// other without a router.
type segment struct {
	number int
	v6     bool
	ends   []end
}

// An end is a node's interface on a segment.
type end struct {
	node string
	seg  *segment
	a4   netip.Addr
	a6   netip.Addr // zero if the segment has no IPv6
	port *sim.Port
}

// layout finds the segments of a plan and gives out addresses.
func (p *plan) layout(link *sim.LinkConfig) (segs []*segment, byLink []*segment, err error) {
	kind := map[string]nodeKind{}
	for _, n := range p.nodes {
		kind[n.name] = n.kind
	}
	// Switches that are connected belong to one segment.
	of := map[string]*segment{} // by switch
	byLink = make([]*segment, len(p.links))
	add := func() *segment {
		s := &segment{v6: true}
		segs = append(segs, s)
		return s
	}
	for i, l := range p.links {
		switch a, b := kind[l.a] == switchNode, kind[l.b] == switchNode; {
		case a && b:
			sa, sb := of[l.a], of[l.b]
			switch {
			case sa == nil && sb == nil:
				sa = add()
			case sa == nil:
				sa = sb
			case sb != nil && sa != sb: // two become one
				for name, s := range of {
					if s == sb {
						of[name] = sa
					}
				}
				for j := range byLink {
					if byLink[j] == sb {
						byLink[j] = sa
					}
				}
			}
			of[l.a], of[l.b], byLink[i] = sa, sa, sa
		case a || b:
			sw := l.a
			if b {
				sw = l.b
			}
			if of[sw] == nil {
				of[sw] = add()
			}
			byLink[i] = of[sw]
		default:
			byLink[i] = add()
		}
	}
	// Segments that were joined to others are gone.
	used := map[*segment]bool{}
	for _, s := range byLink {
		used[s] = true
	}
	kept := segs[:0]
	for _, s := range segs {
		if used[s] {
			s.number = len(kept)
			kept = append(kept, s)
		}
	}
	for i, l := range p.links {
		c := *link
		for _, f := range l.apply {
			f(&c)
		}
		if c.MTU != 0 && c.MTU < 1280 { // RFC 8200, section 5
			byLink[i].v6 = false
		}
	}
	for i, l := range p.links {
		for _, name := range []string{l.a, l.b} {
			if kind[name] != switchNode {
				if err := byLink[i].attach(name); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	if len(kept) > 256 {
		return nil, nil, &TopologyError{fmt.Sprint(len(kept), " links"), "are more than 256"}
	}
	return kept, byLink, nil
}

// attach gives a node an address on the segment.
func (s *segment) attach(node string) error {
	k := len(s.ends) + 1
	if k > 254 {
		return &TopologyError{node, "is the 255th node on one link"}
	}
	e := end{node: node, seg: s, a4: netip.AddrFrom4([4]byte{10, 0, byte(s.number), byte(k)})}
	if s.v6 {
		e.a6 = netip.AddrFrom16([16]byte{0: 0xfd, 7: byte(s.number), 15: byte(k)})
	}
	s.ends = append(s.ends, e)
	return nil
}

func (e *end) prefixes() []netip.Prefix {
	p := []netip.Prefix{netip.PrefixFrom(e.a4, 24)}
	if e.a6.IsValid() {
		p = append(p, netip.PrefixFrom(e.a6, 64))
	}
	return p
}
