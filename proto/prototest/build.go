// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"testing"
	"time"

	"protean/transport/sim"
)

// build makes a network, with its hosts running if it is not stepped.
func build(tb testing.TB, text string, cfg *Config, d driver) *Net {
	tb.Helper()
	var c Config
	if cfg != nil {
		c = *cfg
	}
	p, err := parsePlan(text)
	if err != nil {
		tb.Fatal(err)
	}
	n := &Net{Seed: seed(tb, c.Seed), driver: d, tb: tb, cfg: c}
	sc := &sim.Config{Seed: n.Seed, Live: d != stepped, Filter: c.Filter, Recorder: c.Recorder}
	if d == bubbled {
		sc.Barrier = barrier
		sc.Report = func(err error) { tb.Error(err) }
	}
	n.Sim = sim.New(sc)
	n.start = n.Sim.Now()
	if c.made != nil {
		c.made(n.Sim)
	}
	Watch(tb, n.Sim, n.Seed)
	tb.Cleanup(func() {
		if err := n.Sim.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := n.wire(p); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(n.stop)
	for _, h := range n.Hosts {
		if err := h.boot(); err != nil {
			tb.Fatal(err)
		}
		h.Node.OnRestart(h.boot)
		if d == bubbled {
			time.Sleep(time.Microsecond) // their timers are not to be due at one instant
		}
	}
	return n
}

// wire makes the nodes, their interfaces, links and routes.
func (n *Net) wire(p *plan) error {
	segs, byLink, err := p.layout(&n.cfg.Link)
	if err != nil {
		return err
	}
	nodes, switches := map[string]*sim.Node{}, map[string]*sim.Switch{}
	for _, pn := range p.nodes {
		var err error
		switch pn.kind {
		case switchNode:
			switches[pn.name], err = n.Sim.Switch(pn.name)
		case routerNode:
			nodes[pn.name], err = n.Sim.Router(pn.name, n.cfg.Kernel)
		default:
			nodes[pn.name], err = n.Sim.Node(pn.name)
			n.Hosts = append(n.Hosts, &Peer{net: n, Node: nodes[pn.name], index: len(n.Hosts) + 1})
		}
		if err != nil {
			return err
		}
	}
	ends := map[string][]*end{} // of each node, in the order of its interfaces
	next := map[*segment]int{}
	take := func(name string, s *segment) (*sim.Port, error) {
		e := &s.ends[next[s]]
		next[s]++
		var err error
		e.port, err = nodes[name].AddInterface(fmt.Sprint("eth", len(ends[name])), e.prefixes()...)
		ends[name] = append(ends[name], e)
		return e.port, err
	}
	for i, l := range p.links {
		if err := n.connect(l, byLink[i], switches, take); err != nil {
			return err
		}
	}
	for _, h := range n.Hosts {
		if all := ends[h.Node.Name()]; len(all) > 0 {
			h.Addr4, h.Addr6 = all[0].a4, all[0].a6
		}
	}
	return n.route(p, segs, ends, nodes)
}

// connect makes one link of the plan.
func (n *Net) connect(l planLink, s *segment, switches map[string]*sim.Switch, take func(string, *segment) (*sim.Port, error)) error {
	c := n.cfg.Link
	for _, f := range l.apply {
		f(&c)
	}
	if n.links++; n.links > 1 && c.Name != "" {
		c.Name = fmt.Sprintf("%s-%d", c.Name, n.links) // of all links, names are different
	}
	ends := [2]*sim.Port{}
	for i, name := range []string{l.a, l.b} {
		if switches[name] != nil {
			continue
		}
		var err error
		if ends[i], err = take(name, s); err != nil {
			return err
		}
	}
	var link *sim.Link
	var err error
	switch a, b := switches[l.a], switches[l.b]; {
	case a != nil && b != nil:
		link, err = a.Join(b, &c)
	case a != nil:
		link, err = a.Connect(ends[1], &c)
	case b != nil:
		link, err = b.Connect(ends[0], &c)
	default:
		link, err = n.Sim.Connect(ends[0], ends[1], &c)
	}
	if err != nil {
		return err
	}
	n.Links = append(n.Links, NamedLink{link, l.a, l.b})
	return nil
}

// route gives all nodes routes to all segments, by way of routers.
func (n *Net) route(p *plan, segs []*segment, ends map[string][]*end, nodes map[string]*sim.Node) error {
	routers := map[string]bool{}
	for _, pn := range p.nodes {
		routers[pn.name] = pn.kind == routerNode
	}
	for _, pn := range p.nodes {
		if nodes[pn.name] == nil {
			continue
		}
		// Breadth first, so that ways are short.
		via := map[*segment]*end{} // by segment: the next hop
		seen := map[*segment]bool{}
		var queue []*segment
		for _, e := range ends[pn.name] {
			if !seen[e.seg] {
				seen[e.seg] = true
				queue = append(queue, e.seg)
			}
		}
		for len(queue) > 0 {
			s := queue[0]
			queue = queue[1:]
			for i := range s.ends {
				hop := &s.ends[i]
				if hop.node == pn.name || !routers[hop.node] {
					continue
				}
				for _, e := range ends[hop.node] {
					if seen[e.seg] {
						continue
					}
					seen[e.seg] = true
					queue = append(queue, e.seg)
					if via[s] != nil {
						via[e.seg] = via[s]
					} else {
						via[e.seg] = hop
					}
				}
			}
		}
		if err := addRoutes(nodes[pn.name], segs, via); err != nil {
			return err
		}
	}
	return nil
}

func addRoutes(node *sim.Node, segs []*segment, via map[*segment]*end) error {
	for _, s := range segs {
		hop := via[s]
		if hop == nil {
			continue
		}
		for i, dst := range s.ends[0].prefixes() {
			r := sim.Route{Dst: dst.Masked(), Via: hop.a4}
			if i == 1 {
				if r.Via = hop.a6; !r.Via.IsValid() {
					continue // a link on the way has no IPv6
				}
			}
			if err := node.AddRoute(r); err != nil {
				return err
			}
		}
	}
	return nil
}
