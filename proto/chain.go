// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"slices"

	"protean/transport"
)

// A chain is what happens to the packets of one protocol. It is immutable, so
// that receive loops read it without a lock.
type chain struct {
	only      *Binding   // the single plain handler: nothing else to look at
	observers []*Binding // see every packet first
	takers    []*Binding // in order of registration, until one takes the packet
	fragments [2]bool    // one of them wants fragments as they are, of IPv4 and of IPv6
	families  [2]bool    // somebody takes packets of IPv4, and of IPv6
	tap       bool       // the host looks for errors about its packets
}

// buildChain returns the chain of a protocol, nil if nobody wants it.
func buildChain(protocol int, all []*Binding, tap bool) *chain {
	var c *chain
	if tap {
		c = &chain{tap: true, families: [2]bool{true, true}}
	}
	for _, b := range all {
		if !b.wants(protocol) {
			continue
		}
		if c == nil {
			c = new(chain)
		}
		for v6 := range c.fragments {
			c.families[v6] = c.families[v6] || b.takes(v6 == 1)
			c.fragments[v6] = c.fragments[v6] || b.opts.Fragments && b.takes(v6 == 1)
		}
		if b.opts.Observe {
			c.observers = append(c.observers, b)
		} else {
			c.takers = append(c.takers, b)
		}
	}
	if c == nil {
		return nil
	}
	slices.SortStableFunc(c.takers, func(a, b *Binding) int { return a.rank() - b.rank() })
	foreign := slices.ContainsFunc(all, func(b *Binding) bool { return b.opts.Foreign })
	if len(c.takers) == 1 && len(c.observers) == 0 && !tap && c.takers[0].plain(foreign) {
		c.only = c.takers[0]
	}
	return c
}

// rank orders those who are asked: first the Conns with a peer, which take its
// packets alone, last the Conns that take what is left, those with an address
// of their own first, and behind them who asked to be last.
func (b *Binding) rank() int {
	switch {
	case b.opts.Last:
		return 5
	case b.conn == connDial && b.peer.local.IsValid():
		return 0
	case b.conn == connDial:
		return 1
	case b.conn == connListen && b.peer.local.IsValid():
		return 3
	case b.conn == connListen:
		return 4
	default:
		return 2
	}
}

// plain reports whether every packet of the protocol goes to HandlePacket
// under the lock, whatever its header says. foreign: packets to foreign
// addresses may be among them.
func (b *Binding) plain(foreign bool) bool {
	return !b.concurrent && b.opts.V4 == b.opts.V6 && b.opts.MinTTL == 0 && len(b.opts.Interfaces) == 0 && (b.opts.Foreign || !foreign)
}

// takes reports whether b takes packets of a family.
func (b *Binding) takes(v6 bool) bool {
	return b.opts.V4 == b.opts.V6 || v6 == b.opts.V6
}

// accepts applies the binding's filters. It returns the reason why the packet
// is not for b, or transport.DropNone.
func (b *Binding) accepts(p *Packet) DropReason {
	switch {
	case !b.takes(p.Is6()):
		return transport.NoHandler
	case p.Fragment() && !b.opts.Fragments:
		return transport.FragmentUnexpected
	case b.opts.Fragments && p.FragSize != 0 && b.host.queues[0].frags != nil:
		return transport.Duplicate // it had the fragments
	case p.TTL() < b.opts.MinTTL:
		return transport.Filtered
	case len(b.opts.Interfaces) != 0 && !slices.Contains(b.opts.Interfaces, int(p.IfIndex)):
		return transport.Filtered
	case !b.opts.Foreign && b.host.foreign.Load() && !b.host.isLocal(p):
		return transport.NotLocal
	}
	return transport.DropNone
}
