// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport/internal/netns"
	"protean/transport/internal/rtnl"
)

// Open returns a Kernel. No privileges are needed but to enter another namespace, and
// what it opens serves all of Lookup: afterwards they may be dropped.
func Open(c *Config) (*Kernel, error) {
	k := newKernel(c)
	path, mark := "", uint32(0)
	if c != nil {
		path, mark = c.NetNS, c.Mark
	}
	ns, err := netns.At(path)
	if err != nil {
		return nil, err
	}
	a := &asker{k: k, ns: ns, mark: mark, session: rtnl.Session{Path: ns.Path(), Groups: changes(), Tell: func([]byte) { k.Flush() }}}
	if err := a.session.Open(); err != nil {
		a.close()
		return nil, err
	}
	k.source = a
	return k, nil
}

// An asker asks the kernel, over one netlink socket.
type asker struct {
	k    *Kernel
	ns   *netns.Handle
	mark uint32

	mu      sync.Mutex
	closed  bool
	session rtnl.Session
	links   map[int]mtus // of gen
	gen     uint64
}

// changes are the groups that announce what answers depend on.
func changes() []uint32 {
	return []uint32{
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV6_IFINFO, unix.RTNLGRP_NEXTHOP,
		unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE,
		unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE,
	}
}

func (a *asker) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.session.Close()
	a.ns.Close()
}

func (a *asker) divide(now int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return net.ErrClosed
	}
	gen := a.k.Generation()
	if a.k.regions.Load().current(gen, now) {
		return nil // somebody else was faster
	}
	g, err := a.regions(gen, now+a.k.freshness)
	if err != nil {
		return nil // it changes all the time, or takes a privilege: destinations are asked for one by one
	}
	a.k.regions.Store(g)
	return nil
}

func (a *asker) ask(dst netip.Addr, ifindex int) (r Route, shared bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return Route{}, false, net.ErrClosed
	}
	if gen := a.k.Generation(); a.gen != gen {
		a.gen, a.links = gen, make(map[int]mtus)
	}
	answer, err := a.exchange(dst, ifindex)
	if err == nil && assumed(answer, dst) {
		answer, err = a.own(answer, dst)
	}
	if err != nil {
		return Route{}, true, refusal(dst, err)
	}
	r, shared, err = parse(answer, dst)
	if err != nil {
		return Route{}, shared, err
	}
	m, err := a.mtu(r.IfIndex)
	if err != nil {
		return Route{}, false, err
	}
	link := m.v4
	if dst.Is6() {
		link = m.v6
	}
	if r.MTU == 0 || r.MTU > link {
		r.MTU = link
	}
	r.MTU = min(r.MTU, maxPacket(dst))
	return r, shared, nil
}

// exchange asks for a route and returns the body of the answer; it is empty if there
// is none.
func (a *asker) exchange(dst netip.Addr, ifindex int) ([]byte, error) {
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[1] = rtnl.Family(dst), uint8(dst.BitLen())
	if dst.Is4() {
		binary.NativeEndian.PutUint32(header[8:], unix.RTM_F_LOOKUP_TABLE) // see assumed
	}
	answer, err := rtnl.Execute(a.session.Conn, unix.RTM_GETROUTE, 0, header, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.RTA_DST, dst.AsSlice())
		if ifindex != 0 {
			ae.Uint32(unix.RTA_OIF, uint32(ifindex))
		}
		if a.mark != 0 {
			ae.Uint32(unix.RTA_MARK, a.mark)
		}
	})
	if err != nil || len(answer) == 0 {
		return nil, err
	}
	return answer[0].Data, nil
}

// refusal turns the errno by which the kernel tells the type of a route into
// that (fib_props in net/ipv4/fib_semantics.c, fib6_prop in net/ipv6/route.c).
func refusal(dst netip.Addr, err error) error {
	switch {
	case errors.Is(err, unix.ENETUNREACH):
		return &Error{dst, NoRoute}
	case errors.Is(err, unix.EHOSTUNREACH):
		return &Error{dst, Unreachable}
	case errors.Is(err, unix.EACCES):
		return &Error{dst, Prohibit}
	case errors.Is(err, unix.EINVAL):
		return &Error{dst, Blackhole}
	}
	return err
}

// parse reads an RTM_NEWROUTE message. The MTU is that of the route, or learnt
// from ICMP, or 0. shared is false if something in it was learnt about this
// destination: a path MTU, which expires, or a redirect.
func parse(b []byte, dst netip.Addr) (r Route, shared bool, err error) {
	if len(b) < unix.SizeofRtMsg {
		return Route{}, false, &Error{dst, NoRoute}
	}
	r.Type = routeType(b[7])
	if r.Type >= Blackhole {
		return Route{}, true, &Error{dst, r.Type}
	}
	shared = binary.NativeEndian.Uint32(b[8:])&rtcfRedirected == 0
	if dst.Is6() { // where a route of RTF_CACHE is marked, and others may expire too
		shared = binary.NativeEndian.Uint32(b[8:])&unix.RTM_F_CLONED == 0
	}
	if dst.IsMulticast() {
		r.Type = Multicast // IPv6 has unicast routes for groups
	}
	r.NextHop = dst
	ad, err := rtnl.Attributes(b, unix.SizeofRtMsg)
	if err != nil {
		return Route{}, false, err
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.RTA_CACHEINFO: // struct rta_cacheinfo; rta_expires is its third word
			if c := ad.Bytes(); dst.Is4() && len(c) >= 12 && rtnl.Uint32(c[8:]) != 0 {
				shared = false
			}
		case unix.RTA_OIF:
			r.IfIndex = int(rtnl.Uint32(ad.Bytes()))
		case unix.RTA_PREFSRC:
			r.Src = rtnl.Addr(ad.Bytes())
		case unix.RTA_GATEWAY:
			r.NextHop = rtnl.Addr(ad.Bytes())
		case unix.RTA_VIA: // a gateway of the other family: family, address
			if v := ad.Bytes(); len(v) > 2 {
				r.NextHop = rtnl.Addr(v[2:])
			}
		case unix.RTA_METRICS:
			ad.Nested(func(m *netlink.AttributeDecoder) error {
				for m.Next() {
					if m.Type() == unix.RTAX_MTU {
						r.MTU = int(rtnl.Uint32(m.Bytes()))
					}
				}
				return nil
			})
		}
	}
	return r, shared, ad.Err()
}

// rtcfRedirected is RTCF_REDIRECTED in <linux/in_route.h>.
const rtcfRedirected = 0x00040000

// routeType translates rtm_type. Types that refuse come as an errno or, of
// IPv6, as a route.
func routeType(rtn uint8) Type {
	switch rtn {
	case unix.RTN_UNICAST, unix.RTN_ANYCAST: // the latter is sent like any other, RFC 4291 section 2.6
		return Unicast
	case unix.RTN_LOCAL:
		return Local
	case unix.RTN_BROADCAST:
		return Broadcast
	case unix.RTN_MULTICAST:
		return Multicast
	case unix.RTN_UNREACHABLE:
		return Unreachable
	case unix.RTN_BLACKHOLE:
		return Blackhole
	case unix.RTN_PROHIBIT:
		return Prohibit
	}
	return NoRoute
}
