// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"protean/transport"
	"protean/transport/impair"
)

// loIndex is the index of every node's loopback interface, as on Linux.
const loIndex = 1

// A Node is a host: interfaces with addresses, and the handles through which
// programs use it.
type Node struct {
	net  *Network
	name string
	rank int // among the nodes

	ports   []*Port // ports[i].index == i+1; the first is the loopback interface
	handles []*Transport
	opened  int     // handles ever, for their names
	sw      *Switch // whose ports these are; nil for a node that programs run on
	kernel  *kernel // nil: it does nothing of its own accord

	down bool           // crashed, and not restarted
	boot []func() error // what Restart calls

	addr4 set[uint32]   // own unicast addresses, without loopback addresses
	addr6 set[[16]byte] // and without link-local ones
	ident uint16        // last IPv4 identification filled in
	stats NodeStats

	routes []*Route
	fibs   [2]fib // of IPv4 and IPv6, made from routes and the ports' prefixes
	stale  bool   // they have to be made again
	sole   *Port  // the only interface, if there is one, beside the loopback interface
}

// NodeStats counts the packets that arrive at a node, before they are handed
// to its handles, and what its kernel does.
type NodeStats struct {
	Received uint64 // packets, from links and from the node itself

	// Dropped counts those that went nowhere: Malformed, NotLocal, and
	// NoHandler (no handle wanted them); in a kernel also NoRoute (and no
	// neighbour), TTLExceeded, TooBig, LinkDown, and Filtered.
	Dropped transport.Drops

	Forwarded  uint64 // packets passed on, those included whose neighbour does not answer
	Fragmented uint64 // of those, and of its own, packets cut into fragments
	Answered   uint64 // echo requests answered
	Errors     uint64 // ICMP errors sent
	Limited    uint64 // ICMP errors not sent because of a rate limit
	Silent     uint64 // messages not sent because of KernelConfig.Silent
}

func newNode(n *Network, nodeName string) *Node {
	nd := &Node{net: n, name: nodeName}
	lo := nd.addPort("lo", []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8),
		netip.PrefixFrom(netip.IPv6Loopback(), 128),
	})
	lo.out = newDirection(n, nil, lo.String(), lo, lo, false)
	lo.out.mtu = loMTU
	perfect, _, _ := new(impair.Link).Compile(nil, nil) // nothing in it can be wrong
	lo.out.setProgram(perfect)
	return nd
}

func (nd *Node) addPort(ifname string, prefixes []netip.Prefix) *Port {
	p := &Port{node: nd, name: ifname, index: int32(len(nd.ports) + 1), prefixes: slices.Clone(prefixes)}
	nd.ports = append(nd.ports, p)
	nd.register(p)
	nd.changed()
	return p
}

// register makes the addresses of p addresses of the node.
func (nd *Node) register(p *Port) {
	p.broadcasts = nil
	for _, q := range p.prefixes {
		a := q.Addr()
		switch {
		case a.IsLoopback():
		case a.Is4():
			nd.addr4.add(be32(a))
			if q.Bits() < 31 {
				p.broadcasts = append(p.broadcasts, broadcast(q))
			}
		case !a.IsLinkLocalUnicast():
			nd.addr6.add(a.As16())
		}
	}
}

// changed is called after the node's interfaces, their addresses or routes
// have changed.
func (nd *Node) changed() {
	nd.stale = true
	nd.net.topology++
	nd.sole = nil
	for i, p := range nd.ports[1:] {
		if p.removed {
			continue
		}
		if nd.sole != nil {
			nd.sole = nil
			break
		}
		nd.sole = nd.ports[i+1]
	}
}

// port returns the interface of this name; nil if there is none.
func (nd *Node) port(ifname string) *Port {
	for _, p := range nd.ports {
		if p.name == ifname && !p.removed {
			return p
		}
	}
	return nil
}

// has reports whether a is a unicast address of the node, loopback and
// link-local addresses apart.
func (nd *Node) has(a netip.Addr) bool {
	if a.Is4() {
		return nd.addr4.has(be32(a))
	}
	return nd.addr6.has(a.As16())
}

// Name returns the node's name.
func (nd *Node) Name() string { return nd.name }

// Stats returns a snapshot of what arrived.
func (nd *Node) Stats() NodeStats {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	return nd.stats
}

// Open opens a handle on the node. Errors: *[ConfigError], [ErrCrashed],
// net.ErrClosed.
func (nd *Node) Open(cfg *OpenConfig) (*Transport, error) {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	if err := nd.usable(); err != nil {
		return nil, err
	}
	if nd.sw != nil {
		return nil, &ConfigError{"handle of node " + nd.name, "node", "is a switch"}
	}
	if nd.down {
		return nil, ErrCrashed
	}
	limit := DefaultQueue
	if cfg != nil {
		if cfg.Queue < 0 {
			return nil, &ConfigError{"handle of node " + nd.name, "Queue", "is negative"}
		}
		if cfg.Queue > 0 {
			limit = cfg.Queue
		}
	}
	nd.opened++
	t := newTransport(nd, fmt.Sprintf("%s#%d", nd.name, nd.opened), limit)
	t.rank = nd.opened
	nd.handles = append(nd.handles, t)
	return t, nil
}

func (nd *Node) usable() error {
	if nd.net.closed {
		return net.ErrClosed
	}
	return nil
}

// linkChanged tells all handles how p is now.
func (nd *Node) linkChanged(p *Port) {
	for _, t := range nd.handles {
		i := p.snapshot()
		t.noteLink(&i)
		t.ready()
	}
}

// noteLink has t told how an interface is now. A note about the same interface
// that waits still is brought up to date instead, so that there is at most one
// for each, also if nobody receives. An interface that is removed does not change
// any more.
func (t *Transport) noteLink(now *transport.Interface) {
	for i := range t.notes.Len() {
		if n := t.notes.At(i); n.kind == transport.LinkChanged && n.iface.Index == now.Index {
			n.iface = now
			return
		}
	}
	t.notes.Push(note{kind: transport.LinkChanged, iface: now})
}
