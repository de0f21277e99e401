// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"fmt"
	"net/netip"
	"slices"
)

// A RouteKind says what a route does with packets.
type RouteKind uint8

// The kinds of routes, as in ip-route(8).
const (
	Unicast     RouteKind = iota // sends them on
	Blackhole                    // drops them, and says nothing
	Unreachable                  // drops them: host unreachable (IPv4), no route (IPv6)
	Prohibit                     // drops them: communication administratively prohibited
)

// A Route of a node sends packets to a prefix on their way.
type Route struct {
	// Dst is the prefix; 0.0.0.0/0 and ::/0 are the default routes.
	Dst netip.Prefix

	// Via is the next hop, an address on the link of Port. The zero Addr means
	// that all of Dst is on the link.
	Via netip.Addr

	// Port is the interface. It may be nil if Via is in a prefix of an
	// interface of the node, which is then used.
	Port *Port

	// Src is the source address for packets that have none yet; the zero Addr
	// means one of Port that suits the next hop.
	Src netip.Addr

	// MTU is the largest packet that is sent this way; zero means that of the
	// interface.
	MTU int

	// Kind is Unicast unless packets are not to get through. Via and Port must
	// be zero for the other kinds.
	Kind RouteKind
}

// Default returns the default route through a gateway, of the gateway's
// family.
func Default(via netip.Addr) Route {
	if via.Is4() {
		return Route{Dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Via: via}
	}
	return Route{Dst: netip.PrefixFrom(netip.IPv6Unspecified(), 0), Via: via}
}

// AddRoute adds a route. Of all routes whose prefix contains a destination the
// one with the longest counts. A node with one interface takes what no route is for
// to be on its link until the first route is added. Errors: *[ConfigError], also if there is a route
// to the same prefix; net.ErrClosed.
func (nd *Node) AddRoute(r Route) error {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	if err := nd.usable(); err != nil {
		return err
	}
	bad := func(field, reason string) error {
		return &ConfigError{fmt.Sprintf("route of node %s to %v", nd.name, r.Dst), field, reason}
	}
	switch {
	case nd.sw != nil:
		return bad("node", "is a switch")
	case !r.Dst.IsValid() || r.Dst.Addr().Is4In6():
		return bad("Dst", "is not valid")
	case r.Dst != r.Dst.Masked():
		return bad("Dst", "has bits set behind its length")
	case nd.routeTo(r.Dst) != nil:
		return bad("Dst", "has a route already")
	case r.Kind > Prohibit:
		return bad("Kind", "is not known")
	case r.Kind != Unicast && (r.Via.IsValid() || r.Port != nil):
		return bad("Kind", "lets no packet pass, so that there is no Via and no Port")
	case r.MTU != 0 && (r.MTU < minMTU4 || r.MTU > maxPacket):
		return bad("MTU", "is not in 68 to 65575")
	case r.MTU != 0 && r.MTU < minMTU6 && r.Dst.Addr().Is6():
		return bad("MTU", "is less than 1280, which IPv6 needs")
	case r.Src.IsValid() && r.Src.Is4() != r.Dst.Addr().Is4():
		return bad("Src", "is of the other family")
	case r.Src.IsValid() && !nd.has(r.Src):
		return bad("Src", "is not an address of the node")
	case r.Port != nil && (r.Port.node != nd || r.Port.loopback() || r.Port.removed):
		return bad("Port", "is not an interface to other nodes of this one")
	}
	r.Via = r.Via.WithZone("")
	if v := r.Via; v.IsValid() {
		switch {
		case v.Is4() != r.Dst.Addr().Is4() || v.Is4In6():
			return bad("Via", "is of the other family")
		case v.IsMulticast() || v.IsUnspecified() || v.IsLoopback():
			return bad("Via", "is not a unicast address")
		case nd.has(v):
			return bad("Via", "is an address of the node itself")
		}
		if r.Port == nil {
			if v.IsLinkLocalUnicast() {
				return bad("Port", "is nil, but every interface has link-local addresses")
			}
			if e := nd.table(v.Is6()).find(addrKey(v)); e != nil && !e.gateway {
				r.Port = e.port
			}
			if r.Port == nil {
				return bad("Via", "is on no link of the node")
			}
		}
	} else if r.Kind == Unicast && r.Port == nil {
		return bad("Via", "is not given, nor is Port")
	}
	nd.routes = append(nd.routes, &r)
	nd.stale = true
	return nil
}

// RemoveRoute removes the route to exactly this prefix. Errors: *[ConfigError]
// if AddRoute added none; net.ErrClosed.
func (nd *Node) RemoveRoute(dst netip.Prefix) error {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	if err := nd.usable(); err != nil {
		return err
	}
	r := nd.routeTo(dst)
	if r == nil {
		return &ConfigError{fmt.Sprintf("route of node %s to %v", nd.name, dst), "Dst", "has no route"}
	}
	nd.routes = slices.DeleteFunc(nd.routes, func(o *Route) bool { return o == r })
	nd.stale = true
	return nil
}

// Routes returns the routes that AddRoute added.
func (nd *Node) Routes() []Route {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	all := make([]Route, len(nd.routes))
	for i, r := range nd.routes {
		all[i] = *r
	}
	return all
}

func (nd *Node) routeTo(dst netip.Prefix) *Route {
	for _, r := range nd.routes {
		if r.Dst == dst {
			return r
		}
	}
	return nil
}
