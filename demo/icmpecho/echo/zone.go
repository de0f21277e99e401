// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"net/netip"

	"protean/proto"
)

// zones remembers the name of the interface that was asked for last, which is hardly ever
// another one.
type zones struct {
	ifindex int
	name    string
}

// of returns a link-local address of IPv6 with its interface as its zone, as ping of
// iputils shows it, so that it can be asked in turn. Other addresses stay as they
// are.
func (z *zones) of(env *proto.Env, a netip.Addr, ifindex int) netip.Addr {
	if !a.Is6() || !a.IsLinkLocalUnicast() || a.Zone() != "" || ifindex == 0 {
		return a
	}
	if z.ifindex != ifindex {
		*z = zones{ifindex: ifindex}
		for _, i := range env.Interfaces() {
			if i.Index == ifindex {
				z.name = i.Name
			}
		}
	}
	return a.WithZone(z.name)
}
