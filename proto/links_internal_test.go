// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net/netip"
	"testing"

	"protean/transport"
)

func TestBroadcastAddressesOfSubnetsOfAnySize(t *testing.T) {
	h := new(Host)
	h.setLinks([]transport.Interface{
		{Broadcast: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.1.0.65/26"), netip.MustParsePrefix("10.2.0.1/31"), netip.MustParsePrefix("fd00::1/64")}},
		{PointToPoint: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.3.0.1/28")}},
	})
	l := h.links.Load()
	for a, want := range map[string]bool{
		"255.255.255.255": true, "10.1.0.127": true,
		"10.1.0.63": false, "10.1.0.255": false, "10.4.0.127": false, "10.2.0.1": false, "10.3.0.15": false,
		"fd00::ffff": false, "::ffff:10.1.0.127": false,
	} {
		if got := l.isBroadcast(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}
