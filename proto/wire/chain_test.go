// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"slices"
	"testing"

	"protean/proto/wire"
)

func TestUpperGoesOnBehindTheFragmentHeaderOfAFirstFragment(t *testing.T) {
	packet := func(next byte, rest ...[]byte) []byte {
		b := make([]byte, wire.IPv6HeaderLen)
		b[0], b[6] = 0x60, next
		return append(b, slices.Concat(rest...)...)
	}
	fragment := func(next, offset, more byte) []byte { return []byte{next, 0, 0, offset<<3 | more, 0, 0, 0, 9} }
	options := func(next byte) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }
	payload := make([]byte, 16)
	for _, c := range []struct {
		name     string
		b        []byte
		protocol uint8
		offset   int
		ok       bool
	}{
		{"no chain", packet(253, payload), 253, 40, true},
		{"whole", packet(wire.ExtDestination, options(253), payload), 253, 48, true},
		{"atomic", packet(wire.ExtFragment, fragment(wire.ExtDestination, 0, 0), options(253), payload), 253, 56, true},
		{"first", packet(wire.ExtFragment, fragment(253, 0, 1), payload), 253, 48, true},
		{"first, with options", packet(wire.ExtFragment, fragment(wire.ExtDestination, 0, 1), options(wire.ExtDestination), options(253), payload), 253, 64, true},
		{"first, cut off", packet(wire.ExtFragment, fragment(wire.ExtDestination, 0, 1), []byte{253, 9, 0, 0, 0, 0, 0, 0}), 0, 0, false},
		{"first, with hop-by-hop options behind", packet(wire.ExtFragment, fragment(wire.ExtHopByHop, 0, 1), options(253)), 0, 0, false},
		{"first of a fragment", packet(wire.ExtFragment, fragment(wire.ExtFragment, 0, 1), fragment(253, 0, 1), payload), 0, 0, false},
		{"second", packet(wire.ExtFragment, fragment(wire.ExtDestination, 2, 1), options(253)), 0, 0, false},
	} {
		var ch wire.Chain
		if bad := wire.WalkIPv6(c.b, &ch); bad != wire.NotMalformed {
			t.Errorf("%s: %v", c.name, bad)
		}
		before := ch
		protocol, offset, ok := ch.Upper(c.b)
		if protocol != c.protocol || offset != c.offset || ok != c.ok || ch != before {
			t.Errorf("%s: %d at %d, %v; chain %+v", c.name, protocol, offset, ok, ch)
		}
	}
}
