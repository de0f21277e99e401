// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net/netip"
	"testing"

	"protean/transport"
)

// An oracle is a transport that counts questions for routes.
type oracle struct {
	transport.Transport
	asked int
}

func (o *oracle) Caps() transport.Caps { return transport.Caps{Name: "oracle"} }

func (o *oracle) Route(dst netip.Addr, ifindex int) (transport.Route, error) {
	o.asked++
	return transport.Route{NextHop: dst, IfIndex: 1, MTU: 1500}, nil
}

func TestRoutesAreRememberedForAsManyDestinationsAsThereAre(t *testing.T) {
	for _, destinations := range []int{1, 10, 100, 500} {
		o := new(oracle)
		var c routeCache
		c.init(o)
		ask := func() {
			for i := range destinations {
				dst := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
				if r, err := c.get(dst, 0, 0); err != nil || r.NextHop != dst {
					t.Fatalf("%v: %v, %v", dst, r, err)
				}
			}
		}
		for range 50 {
			ask()
		}
		o.asked = 0
		ask()
		if o.asked > destinations/2 {
			t.Errorf("%d of %d destinations are asked for again", o.asked, destinations)
		}
		if n := len(c.table.Load().entries); destinations <= 10 && n > 1<<(routeBits+2) || n > 1<<maxRouteBits {
			t.Errorf("%d entries for %d destinations", n, destinations)
		}
		if n := testing.AllocsPerRun(100, ask); n != 0 {
			t.Errorf("%v allocations", n)
		}
		c.flush()
		o.asked = 0
		ask()
		if o.asked < destinations {
			t.Errorf("after a flush %d of %d destinations are asked for", o.asked, destinations)
		}
	}
}
