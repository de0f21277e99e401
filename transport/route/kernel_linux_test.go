// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route_test

import (
	"encoding/binary"
	"errors"
	"net"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport/internal/rtnl"
	"protean/transport/netlab"
	"protean/transport/route"
)

func TestTheKernelsRoutes(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a, r := lab.Node("a"), lab.Node("r1")
	host, router := open(t, a), open(t, r)
	if0, if1 := r.Interfaces()[0].Index, r.Interfaces()[1].Index
	ll0, ll1 := r.Interfaces()[0].LinkLocal.String(), r.Interfaces()[1].LinkLocal.String()
	up := a.Interfaces()[0].Index
	add(t, a, kernelRoute{dst: "10.9.0.0/16", via: "10.77.1.2", ifindex: up, src: "10.77.1.1", mtu: 1400})
	add(t, a, kernelRoute{dst: "fd99::/64", via: "fd77:1::2", ifindex: up, mtu: 1350})
	// A gateway of the other family (RFC 8950).
	err := a.Do(func() error {
		c, err := rtnl.Dial("")
		if err != nil {
			return err
		}
		defer c.Close()
		rtm := make([]byte, unix.SizeofRtMsg)
		rtm[0], rtm[1], rtm[4], rtm[5], rtm[7] = unix.AF_INET, 16, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RTN_UNICAST
		_, err = rtnl.Execute(c, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_ACK, rtm, func(ae *netlink.AttributeEncoder) {
			ae.Bytes(unix.RTA_DST, []byte{10, 10, 0, 0})
			ae.Uint32(unix.RTA_OIF, uint32(up))
			ae.Bytes(unix.RTA_VIA, append(binary.NativeEndian.AppendUint16(nil, unix.AF_INET6), addr(ll0).AsSlice()...))
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		k       *route.Kernel
		dst     string
		ifindex int
		want    route.Route
	}{
		{"a neighbour", router, "10.77.2.2", 0, way(route.Unicast, "10.77.2.1", "10.77.2.2", if1, 1300)},
		{"a neighbour", router, "fd77:2::2", 0, way(route.Unicast, "fd77:2::1", "fd77:2::2", if1, 1300)},
		{"behind a router", host, "10.77.2.2", 0, way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1500)},
		{"behind a router", host, "fd77:2::2", 0, way(route.Unicast, "fd77:1::1", "fd77:1::2", up, 1500)},
		{"written as IPv6", host, "::ffff:10.77.2.2", 0, way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1500)},
		{"with an MTU", host, "10.9.1.1", 0, way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1400)},
		{"with an MTU", host, "fd99::5", 0, way(route.Unicast, "fd77:1::1", "fd77:1::2", up, 1350)},
		{"by a gateway of IPv6", host, "10.10.1.1", 0, way(route.Unicast, "10.77.1.1", ll0, up, 1500)},
		{"a link-local neighbour", router, "fe80::1234", if0, way(route.Unicast, ll0, "fe80::1234", if0, 1500)},
		{"the same elsewhere", router, "fe80::1234", if1, way(route.Unicast, ll1, "fe80::1234", if1, 1300)},
		{"a group", router, "224.0.0.251", if1, way(route.Multicast, "10.77.2.1", "224.0.0.251", if1, 1300)},
		{"a group", router, "ff02::5", if1, way(route.Multicast, ll1, "ff02::5", if1, 1300)},
		{"all hosts on the link", host, "10.77.1.255", 0, way(route.Broadcast, "10.77.1.1", "10.77.1.255", up, 1500)},
		{"all hosts", host, "255.255.255.255", up, way(route.Broadcast, "10.77.1.1", "255.255.255.255", up, 1500)},
		{"this host", router, "10.77.1.2", 0, way(route.Local, "10.77.1.2", "10.77.1.2", 1, 65535)},
		{"this host", router, "fd77:1::2", 0, way(route.Local, "fd77:1::2", "fd77:1::2", 1, 65536)},
		{"loopback", host, "127.0.0.5", 0, way(route.Local, "127.0.0.1", "127.0.0.5", 1, 65535)},
		{"loopback", host, "::1", 0, way(route.Local, "::1", "::1", 1, 65536)},
	} {
		for range 2 { // asked, and remembered
			got, err := c.k.Lookup(addr(c.dst), c.ifindex)
			if err != nil || got != c.want {
				t.Errorf("%s, %s: %+v, %v; want %+v", c.name, c.dst, got, err, c.want)
			}
		}
	}
}

func TestRoutesThatRefuse(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	k := open(t, a)
	for i, c := range []struct {
		kind  uint8
		want  route.Type
		errno error
	}{
		{unix.RTN_BLACKHOLE, route.Blackhole, unix.ENETUNREACH},
		{unix.RTN_UNREACHABLE, route.Unreachable, unix.EHOSTUNREACH},
		{unix.RTN_PROHIBIT, route.Prohibit, unix.EACCES},
		{0, route.NoRoute, unix.ENETUNREACH},
	} {
		for _, dst := range []string{"10.9.0.1", "fd99::1"} {
			d := addr(dst)
			for range i {
				d = d.Next()
			}
			if c.kind != 0 {
				prefix := d.String() + "/128"
				if d.Is4() {
					prefix = d.String() + "/32"
				}
				add(t, a, kernelRoute{dst: prefix, kind: c.kind})
			}
			for range 2 {
				_, err := k.Lookup(d, 0)
				var e *route.Error
				if !errors.As(err, &e) || e.Type != c.want || e.Dst != d || !errors.Is(err, c.errno) {
					t.Errorf("%v: %v, want %v", d, err, c.want)
				}
			}
		}
	}
	if _, err := k.Lookup(addr("10.77.1.2"), 9999); !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("by an interface that does not exist: %v", err)
	}
	var ae *net.AddrError
	if _, err := k.Lookup(route.Route{}.Src, 0); !errors.As(err, &ae) {
		t.Errorf("the zero address: %v", err)
	}
	k.Close()
	if _, err := k.Lookup(addr("10.77.1.2"), 0); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// What is remembered is given up when the kernel says so, and not after a time:
// here that is an hour.
func TestChangesAreFollowed(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a := lab.Node("a")
	k, up := open(t, a), a.Interfaces()[0].Index
	direct4, direct6 := way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1500), way(route.Unicast, "fd77:1::1", "fd77:1::2", up, 1500)
	until(t, k, "10.77.2.2", direct4, nil)
	until(t, k, "fd77:2::2", direct6, nil)

	// Another gateway, for one destination.
	add(t, a, kernelRoute{dst: "10.77.2.2/32", via: "10.77.1.9", ifindex: up})
	until(t, k, "10.77.2.2", way(route.Unicast, "10.77.1.1", "10.77.1.9", up, 1500), nil)
	remove(t, a, kernelRoute{dst: "10.77.2.2/32", via: "10.77.1.9", ifindex: up})
	until(t, k, "10.77.2.2", direct4, nil)
	add(t, a, kernelRoute{dst: "fd77:2::2/128", via: "fd77:1::9", ifindex: up})
	until(t, k, "fd77:2::2", way(route.Unicast, "fd77:1::1", "fd77:1::9", up, 1500), nil)

	// Another MTU.
	if err := a.SetMTU("eth0", 1400); err != nil {
		t.Fatal(err)
	}
	until(t, k, "10.77.2.2", way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1400), nil)
	// One of IPv6 alone, as a router would advertise it.
	if err := a.Sysctl("net/ipv6/conf/eth0/mtu", "1280"); err != nil {
		t.Fatal(err)
	}
	k.Flush() // a sysctl is not announced, an advertisement is
	until(t, k, "fd77:2::3", way(route.Unicast, "fd77:1::1", "fd77:1::2", up, 1280), nil)
	until(t, k, "10.77.2.2", way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1400), nil)

	// A rule, and a table for it.
	add(t, a, kernelRoute{dst: "10.77.2.0/24", via: "10.77.1.7", ifindex: up, table: 99})
	change(t, a, func(c *rtnetlink.Conn) error {
		table, priority := uint32(99), uint32(100)
		return c.Rule.Add(&rtnetlink.RuleMessage{
			Family: unix.AF_INET, Table: 99, Action: unix.FR_ACT_TO_TBL,
			Attributes: &rtnetlink.RuleAttributes{Table: &table, Priority: &priority},
		})
	})
	until(t, k, "10.77.2.2", way(route.Unicast, "10.77.1.1", "10.77.1.7", up, 1400), nil)

	// The link.
	if err := a.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	until(t, k, "10.77.2.2", route.Route{}, unix.ENETUNREACH)
	if err := a.SetLink("eth0", true); err != nil {
		t.Fatal(err)
	}
	until(t, k, "10.77.1.2", way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1400), nil)
}
