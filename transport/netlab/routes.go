// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import "net/netip"

// addRoutes gives every node routes along the fewest routers: a node on one
// segment a default route, a node on several a route to each other segment.
func (p *plan) addRoutes() {
	for _, target := range p.segments() {
		towards := p.towards(target)
		for i := range p.nodes {
			n := &p.nodes[i]
			if n.Role == Switch || n.attached(target.number) {
				continue
			}
			if r, ok := n.nearest(towards); ok && len(n.ifaces) > 1 {
				n.routes = append(n.routes, routePlan{dst4: target.v4, dst6: target.v6, via4: r.via4, via6: r.via6})
			}
		}
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.Role == Switch || len(n.ifaces) != 1 {
			continue
		}
		if r, ok := p.routerOn(n.ifaces[0].segment, i); ok {
			n.routes = append(n.routes, routePlan{
				dst4: netip.PrefixFrom(netip.IPv4Unspecified(), 0), via4: r.addr4.Addr(),
				dst6: netip.PrefixFrom(netip.IPv6Unspecified(), 0), via6: r.addr6.Addr(),
			})
		}
	}
}

// A segment is one that has addresses.
type segment struct {
	number int
	v4, v6 netip.Prefix // v6 is invalid where no interface has IPv6
}

func (p *plan) segments() []segment {
	var all []segment
	at := map[int]int{} // number to index in all
	for _, n := range p.nodes {
		for _, f := range n.ifaces {
			if !f.addr4.IsValid() {
				continue
			}
			i, ok := at[f.segment]
			if !ok {
				i = len(all)
				at[f.segment] = i
				all = append(all, segment{number: f.segment, v4: f.addr4.Masked()})
			}
			if f.addr6.IsValid() {
				all[i].v6 = f.addr6.Masked()
			}
		}
	}
	return all
}

// A hop is the way from one segment towards another: how many routers are left
// to pass, and the first of them.
type hop struct {
	distance   int
	via4, via6 netip.Addr
}

// towards searches backwards from target, breadth first, and returns the next
// hop for each segment from which target can be reached through a router.
func (p *plan) towards(target segment) map[int]hop {
	hops := map[int]hop{target.number: {}}
	for queue := []int{target.number}; len(queue) > 0; queue = queue[1:] {
		near := queue[0]
		for _, n := range p.nodes {
			if n.Role != Router || !n.attached(near) {
				continue
			}
			for _, f := range n.ifaces {
				if _, seen := hops[f.segment]; seen {
					continue
				}
				hops[f.segment] = hop{distance: hops[near].distance + 1, via4: f.addr4.Addr(), via6: f.addr6.Addr()}
				queue = append(queue, f.segment)
			}
		}
	}
	return hops
}

func (n *nodePlan) attached(segment int) bool {
	for _, f := range n.ifaces {
		if f.segment == segment {
			return true
		}
	}
	return false
}

// nearest returns the next hop on the node's segment with the fewest routers
// left. That hop is never the node itself: a router on two segments of the
// search is on the nearer of them too.
func (n *nodePlan) nearest(hops map[int]hop) (best hop, ok bool) {
	for _, f := range n.ifaces {
		if h, found := hops[f.segment]; found && (!ok || h.distance < best.distance) {
			best, ok = h, true
		}
	}
	return best, ok
}

// routerOn returns the interface of the first router on a segment, other than
// node except.
func (p *plan) routerOn(segment, except int) (ifacePlan, bool) {
	for i, n := range p.nodes {
		if n.Role != Router || i == except {
			continue
		}
		for _, f := range n.ifaces {
			if f.segment == segment {
				return f, true
			}
		}
	}
	return ifacePlan{}, false
}
