// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi

import (
	"net/netip"

	"protean/transport"
)

// An ability is something that not every joined transport can do, where
// transport.As finds it: as if the transport were a decorator around it.
type ability struct {
	transport.Transport // as whose ability it is
	next                transport.Transport
}

// Unwrap leads to the next ability.
func (a ability) Unwrap() transport.Transport { return a.next }

type clocked struct {
	ability
	transport.Clock
}

type scheduled struct {
	ability
	transport.Scheduler
}

type routed struct {
	ability
	transport.Router
}

// Unwrap leads transport.As to the abilities that depend on the members. There is
// no transport under this one.
func (t *Transport) Unwrap() transport.Transport { return t.abilities }

// findAbilities has the transport do what its members do.
func (t *Transport) findAbilities() error {
	add := func() ability { return ability{t, t.abilities} }
	clocks, routers := 0, 0
	for _, m := range t.members {
		if _, ok := transport.As[transport.Clock](m.inner); ok {
			clocks++
		}
		if _, ok := transport.As[transport.Router](m.inner); ok {
			routers++
		}
	}
	if routers > 0 {
		t.abilities = routed{add(), router{t}}
	}
	if clocks < len(t.members) { // a live network's time is the system's
		if clocks > 0 && t.caps.Stepped {
			return unsupported("transports with a clock of their own beside others")
		}
		return nil
	}
	first, _ := transport.As[transport.Clock](t.members[0].inner)
	if t.caps.Stepped {
		for _, m := range t.members[1:] {
			if c, _ := transport.As[transport.Clock](m.inner); !c.Now().Equal(first.Now()) {
				return unsupported("transports with clocks that differ")
			}
		}
	}
	t.abilities = clocked{add(), first}
	if s, ok := transport.As[transport.Scheduler](t.members[0].inner); ok {
		t.abilities = scheduled{add(), s}
	}
	return nil
}

// having returns the ability of the member that has an interface.
func having[T any](t *Transport, ifindex int, feature string) (ability T, own int, err error) {
	err = unsupported(feature)
	for _, m := range t.members {
		if !m.has(ifindex) {
			continue
		}
		if a, ok := transport.As[T](m.inner); ok {
			return a, m.own(ifindex), nil
		}
	}
	return ability, 0, err
}

// Join implements [transport.Multicaster], at the first member that has the
// interface and can do it.
func (t *Transport) Join(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	m, own, err := having[transport.Multicaster](t, ifindex, "joining multicast groups on this interface")
	if err != nil {
		return err
	}
	return m.Join(own, group, sources...)
}

// Leave implements [transport.Multicaster].
func (t *Transport) Leave(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	m, own, err := having[transport.Multicaster](t, ifindex, "leaving multicast groups on this interface")
	if err != nil {
		return err
	}
	return m.Leave(own, group, sources...)
}

// Claim implements [transport.Claimer], at the first member that has the
// interface and can do it.
func (t *Transport) Claim(ifindex int, addr netip.Addr, hw []byte) error {
	c, own, err := having[transport.Claimer](t, ifindex, "claiming addresses on this interface")
	if err != nil {
		return err
	}
	return c.Claim(own, addr, hw)
}

// Unclaim implements [transport.Claimer].
func (t *Transport) Unclaim(ifindex int, addr netip.Addr) error {
	c, own, err := having[transport.Claimer](t, ifindex, "claiming addresses on this interface")
	if err != nil {
		return err
	}
	return c.Unclaim(own, addr)
}

// ReceiveForeign implements [transport.ForeignReceiver], at all members.
func (t *Transport) ReceiveForeign(on bool) error {
	if !t.caps.Foreign {
		return unsupported("receiving packets to foreign addresses at every member")
	}
	return t.all(func(m *member) error {
		f, ok := transport.As[transport.ForeignReceiver](m.inner)
		if !ok {
			return nil
		}
		return f.ReceiveForeign(on)
	})
}

// Stats implements [transport.StatsReader]: the sums over the members that count.
func (t *Transport) Stats() (sum transport.Stats) {
	for _, m := range t.members {
		if r, ok := transport.As[transport.StatsReader](m.inner); ok {
			s := r.Stats()
			sum.Add(&s)
		}
	}
	return sum
}
