// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"fmt"
	"net/netip"
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

// TestKeys plays the first half of a datagram, then of another that differs in
// one thing, then the second halves.
func TestKeys(t *testing.T) {
	type change func(f *script.Flow, m *frag.Meta)
	dst := func(s string) change {
		return func(f *script.Flow, m *frag.Meta) { f.Dst = netip.MustParseAddr(s) }
	}
	iface := func(f *script.Flow, m *frag.Meta) { m.IfIndex++ }
	for _, c := range []struct {
		name   string
		family int
		all    change // applies to both
		differ change
		joined bool
	}{
		{"nothing", 4, nil, nil, true},
		{"identification", 4, nil, func(f *script.Flow, m *frag.Meta) { f.ID++ }, false},
		{"identification", 6, nil, func(f *script.Flow, m *frag.Meta) { f.ID += 1 << 16 }, false},
		{"source", 4, nil, func(f *script.Flow, m *frag.Meta) { f.Src = f.Src.Next() }, false},
		{"destination", 4, nil, dst("198.51.100.8"), false},
		{"destination", 6, nil, dst("2001:db8:7::a"), false},
		{"two-protocols", 4, nil, func(f *script.Flow, m *frag.Meta) { f.Protocol++ }, false},
		{"two-protocols", 6, nil, func(f *script.Flow, m *frag.Meta) { f.Protocol++ }, true},
		{"two-interfaces", 4, nil, iface, true},
		{"two-interfaces", 6, nil, iface, true},
		{"two-scoped", 6, dst("fe80::7"), iface, false},
		{"two-scoped", 6, dst("ff02::7"), iface, false},
		{"zone", 4, nil, func(f *script.Flow, m *frag.Meta) { m.Zone++ }, false},
		{"zone", 6, nil, func(f *script.Flow, m *frag.Meta) { m.Zone++ }, false},
	} {
		t.Run(fmt.Sprintf("%s/IPv%d", c.name, c.family), func(t *testing.T) {
			g := newRig(t, nil)
			f1, m1 := flow(c.family), frag.Meta{IfIndex: 3}
			if c.all != nil {
				c.all(&f1, &m1)
			}
			f2, m2 := f1, m1
			if c.differ != nil {
				c.differ(&f2, &m2)
			}
			g.feed(piece(f1, "0+16MA"), m1)
			v, out, _ := g.feed(piece(f2, "16+8b"), m2)
			if got := v == frag.Complete; got != c.joined {
				t.Fatalf("joined: %v", got)
			}
			if c.joined {
				if got := script.Units(script.Payload(out, 0)); got != "AAb" {
					t.Errorf("joined to %s", got)
				}
				return
			}
			if _, out, _ := g.feed(piece(f1, "16+8a"), m1); script.Units(script.Payload(out, 0)) != "AAa" {
				t.Errorf("first datagram: % x", out)
			}
			if _, out, _ := g.feed(piece(f2, "0+16MB"), m2); script.Units(script.Payload(out, 0)) != "BBb" {
				t.Errorf("second datagram: % x", out)
			}
			g.checkBooks()
		})
	}
}
