// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net"
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

func TestChangesOfInterfacesAreTakenFromTheEvents(t *testing.T) {
	h := new(Host)
	h.setLinks([]transport.Interface{{Index: 7, Name: "g"}, {Index: 3, Name: "c"}})
	event := transport.Interface{Index: 5, Name: "e", Up: true, MTU: 1400, HardwareAddr: net.HardwareAddr{2}, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.1.0.65/26")}}
	before := h.links.Load()
	h.linkChanged(&event)
	clear(event.HardwareAddr)
	clear(event.Prefixes)
	names := func(l *links) (s string) {
		for _, f := range l.all {
			s += f.Name
		}
		return s
	}
	l := h.links.Load()
	if f := l.byIndex(5); f == nil || f.HardwareAddr[0] != 2 || !f.Prefixes[0].IsValid() || l.minMTU != 1400 {
		t.Errorf("a new one: %+v", l)
	}
	h.linkChanged(&transport.Interface{Index: 3, Name: "x"})
	h.linkChanged(&transport.Interface{Index: 7, Removed: true})
	h.linkChanged(&transport.Interface{Index: 9, Removed: true}) // not known
	if got := names(before) + " " + names(l) + " " + names(h.links.Load()); got != "cg ceg xe" {
		t.Errorf("they were %q", got)
	}
}
