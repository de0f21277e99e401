// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"
	"net"
	"net/netip"
)

// firstIndex is the interface index of the first end of the first link; the
// following ends count on. The kernel hurries to report a carrier only if the
// two ends of a pair differ in their index (linkwatch_urgent_event in
// net/core/link_watch.c), which would not be so if it numbered them: all would be
// 2. Below 100 is room for the tunnel devices that modules add to every
// namespace.
const firstIndex = 100

// A plan is everything that a topology leaves open, decided before the first
// system call: names, segments, addresses and routes.
type plan struct {
	nodes []nodePlan
	links []linkPlan
}

type nodePlan struct {
	NodeSpec
	ifaces []ifacePlan
	routes []routePlan
}

type linkPlan struct {
	a, b end
	mtu  int
}

// An end names an interface by the indexes of its node and of the interface in
// the node.
type end struct{ node, iface int }

type ifacePlan struct {
	name    string
	index   int
	mtu     int
	hw      net.HardwareAddr
	segment int          // from 1
	addr4   netip.Prefix // invalid on a switch
	addr6   netip.Prefix // invalid on a switch and below minMTU6
}

// A routePlan sends dst4 and dst6 to a neighbour; a prefix or gateway that is
// not valid is left out.
type routePlan struct {
	dst4, dst6 netip.Prefix
	via4, via6 netip.Addr
}

func newPlan(t Topology) (*plan, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	p := &plan{}
	index := make(map[string]int, len(t.Nodes))
	for i, n := range t.Nodes {
		index[n.Name] = i
		p.nodes = append(p.nodes, nodePlan{NodeSpec: n})
	}
	segments := segmentsOf(t)
	onSegment := map[int]int{} // interfaces with addresses so far
	for i, l := range t.Links {
		mtu := l.MTU
		if mtu == 0 {
			mtu = defaultMTU
		}
		lp := linkPlan{mtu: mtu}
		for s, side := range []struct {
			name string
			end  *end
		}{{l.A, &lp.a}, {l.B, &lp.b}} {
			n := index[side.name]
			*side.end = end{node: n, iface: len(p.nodes[n].ifaces)}
			f := ifacePlan{
				name:    fmt.Sprintf("eth%d", side.end.iface),
				index:   firstIndex + 2*i + s,
				mtu:     mtu,
				segment: segments[i],
			}
			if p.nodes[n].Role != Switch {
				onSegment[f.segment]++
				if f.segment > maxNumber || onSegment[f.segment] > maxNumber {
					return nil, fmt.Errorf("netlab: more than %d segments, or interfaces on a segment", maxNumber)
				}
				f.address(onSegment[f.segment])
			}
			p.nodes[n].ifaces = append(p.nodes[n].ifaces, f)
		}
		p.links = append(p.links, lp)
	}
	p.addRoutes()
	return p, nil
}

// address gives the interface the y-th addresses of its segment. The hardware
// address is locally administered and repeats the IPv4 address.
func (f *ifacePlan) address(y int) {
	v4 := [4]byte{10, 77, byte(f.segment), byte(y)}
	f.hw = net.HardwareAddr{2, 0, v4[0], v4[1], v4[2], v4[3]}
	f.addr4 = netip.PrefixFrom(netip.AddrFrom4(v4), 24)
	if f.mtu >= minMTU6 {
		v6 := [16]byte{0: 0xfd, 1: 0x77, 3: byte(f.segment), 15: byte(y)}
		f.addr6 = netip.PrefixFrom(netip.AddrFrom16(v6), 64)
	}
}

// segmentsOf numbers the segment of each link: links that meet in a switch are
// in the same one.
func segmentsOf(t Topology) []int {
	isSwitch := map[string]bool{}
	for _, n := range t.Nodes {
		isSwitch[n.Name] = n.Role == Switch
	}
	segments := make([]int, len(t.Links))
	var flood func(link, segment int)
	flood = func(link, segment int) {
		segments[link] = segment
		for _, name := range []string{t.Links[link].A, t.Links[link].B} {
			if !isSwitch[name] {
				continue
			}
			for other, l := range t.Links {
				if segments[other] == 0 && (l.A == name || l.B == name) {
					flood(other, segment)
				}
			}
		}
	}
	next := 1
	for i := range t.Links {
		if segments[i] == 0 {
			flood(i, next)
			next++
		}
	}
	return segments
}
