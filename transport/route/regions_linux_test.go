// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
	"protean/transport/route"
)

func addAddress(t *testing.T, n *netlab.Node, ifindex int, prefix string) {
	t.Helper()
	p := netip.MustParsePrefix(prefix)
	m := &rtnetlink.AddressMessage{
		Family: unix.AF_INET, PrefixLength: uint8(p.Bits()), Index: uint32(ifindex),
		Attributes: &rtnetlink.AddressAttributes{Address: p.Addr().AsSlice(), Local: p.Addr().AsSlice()},
	}
	if p.Addr().Is6() {
		m.Family, m.Attributes.Flags = unix.AF_INET6, unix.IFA_F_NODAD
	}
	change(t, n, func(c *rtnetlink.Conn) error { return c.Address.New(m) })
}

func addRule(t *testing.T, n *netlab.Node, to string, table uint8) {
	t.Helper()
	p := netip.MustParsePrefix(to)
	dst, id, priority := net.IP(p.Addr().AsSlice()), uint32(table), uint32(100)
	m := &rtnetlink.RuleMessage{
		Family: unix.AF_INET, DstLength: uint8(p.Bits()), Table: table, Action: unix.FR_ACT_TO_TBL,
		Attributes: &rtnetlink.RuleAttributes{Table: &id, Priority: &priority, Dst: &dst},
	}
	if p.Addr().Is6() {
		m.Family = unix.AF_INET6
	}
	change(t, n, func(c *rtnetlink.Conn) error { return c.Rule.Add(m) })
}

// destinations returns a function that draws destinations in prefixes and
// beside them.
func destinations(r *rand.Rand, near []netip.Prefix) func() netip.Addr {
	return func() netip.Addr {
		p := near[r.IntN(len(near))]
		b := p.Addr().AsSlice()
		flip := func(bit int) {
			if bit >= 0 && bit < len(b)*8 {
				b[bit/8] ^= 0x80 >> (bit % 8)
			}
		}
		if r.IntN(2) == 0 { // beside it
			flip(p.Bits() - 1 - r.IntN(12))
		}
		for range r.IntN(4) {
			flip(p.Bits() + r.IntN(len(b)*8-p.Bits()+1))
		}
		a, _ := netip.AddrFromSlice(b)
		return a
	}
}

// compare looks destinations up, and has each asked for by itself as well.
func compare(t *testing.T, what string, k, oracle *route.Kernel, dst func() netip.Addr, ifindexes []int, n int, r *rand.Rand) {
	t.Helper()
	for range n {
		d, ifindex := dst(), ifindexes[r.IntN(len(ifindexes))]
		got, err := k.Lookup(d, ifindex)
		oracle.Flush()
		want, wantErr := oracle.Lookup(d, ifindex)
		var e, f *route.Error
		errors.As(err, &e)
		errors.As(wantErr, &f)
		if got != want || (e == nil) != (f == nil) || e != nil && *e != *f || (err == nil) != (wantErr == nil) {
			t.Fatalf("%s: %v by %d: %+v, %v; the kernel says %+v, %v", what, d, ifindex, got, err, want, wantErr)
		}
	}
}

// Answers that destinations share are those that the kernel has for each, with
// nested routes of all types, rules for destinations, tables, and several source
// addresses to choose from.
func TestSharedAnswersAreTheKernels(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a := lab.Node("a")
	up := a.Interfaces()[0].Index
	r := rand.New(rand.NewPCG(1, 2))
	var near []netip.Prefix
	for _, p := range []string{"10.77.1.77/24", "10.66.0.1/16", "fd77:1::77/64", "fd66::1/48", "fd55::5/128", "fd55::8000:5/128", "2001:db8::9/64", "fd44::3/120"} {
		addAddress(t, a, up, p)
		near = append(near, netip.MustParsePrefix(p))
	}
	for i := range 120 {
		v6, bits, c := i%2 == 1, r.IntN(25)+8, kernelRoute{via: "10.77.1.2", ifindex: up}
		ip := netip.AddrFrom4([4]byte{20, byte(r.IntN(2)), byte(r.IntN(8)), byte(r.Uint32())})
		if v6 {
			ip, bits = netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x20, 5: byte(r.IntN(2)), 7: byte(r.IntN(4)), 15: byte(r.Uint32())}), r.IntN(105)+24
			c.via = "fd77:1::2"
		}
		p := netip.PrefixFrom(ip, bits).Masked()
		c.dst = p.String()
		switch r.IntN(8) {
		case 0:
			c = kernelRoute{dst: c.dst, kind: []uint8{unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT}[r.IntN(3)]}
		case 1:
			c.via = "" // on the link
		case 2:
			c.mtu = uint32(1300 + r.IntN(200))
		case 3:
			c.src = map[bool]string{false: "10.77.1.77", true: "fd77:1::77"}[v6]
		}
		if r.IntN(4) == 0 {
			c.table = 99
		}
		add(t, a, c)
		near = append(near, p)
	}
	for _, c := range []kernelRoute{
		{dst: "50.0.0.0/8", via: "10.77.1.2", ifindex: up}, {dst: "50.0.0.0/8", via: "10.77.1.9", ifindex: up, table: 99},
		{dst: "fd50::/16", via: "fd77:1::2", ifindex: up}, {dst: "fd50::/16", via: "fd77:1::9", ifindex: up, table: 99},
		{dst: "40.0.0.0/8", kind: unix.RTN_LOCAL, ifindex: 1, table: unix.RT_TABLE_LOCAL},
	} {
		add(t, a, c)
		near = append(near, netip.MustParsePrefix(c.dst))
	}
	for _, p := range []string{"0.0.0.0/32", "224.0.0.0/24", "239.0.0.0/8", "255.255.255.255/32", "ff02::/16"} {
		near = append(near, netip.MustParsePrefix(p)) // groups and others that need no route
	}
	for _, p := range []string{"20.0.0.0/14", "50.1.0.0/16", "fd20::/32", "fd50:1::/32"} {
		addRule(t, a, p, 99)
		near = append(near, netip.MustParsePrefix(p))
	}
	k, oracle := open(t, a), open(t, a)
	compare(t, "in regions", k, oracle, destinations(r, near), []int{0, 0, 0, up, 1}, 12000, r)
	if shared, split := k.Shared(); shared < 100 || split {
		t.Errorf("%d answers are shared: that was no test", shared)
	}

	// Where a hash of the destination chooses the way, nothing is shared.
	change(t, a, func(c *rtnetlink.Conn) error {
		return c.Route.Replace(&rtnetlink.RouteMessage{
			Family: unix.AF_INET, DstLength: 8, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNICAST,
			Attributes: rtnetlink.RouteAttributes{Dst: []byte{30, 0, 0, 0}, Multipath: []rtnetlink.NextHop{
				{Hop: rtnetlink.RTNextHop{IfIndex: uint32(up)}, Gateway: []byte{10, 77, 1, 2}},
				{Hop: rtnetlink.RTNextHop{IfIndex: uint32(up)}, Gateway: []byte{10, 77, 1, 3}},
			}},
		})
	})
	for { // until the announcement is there
		k.Lookup(addr("30.0.0.1"), 0)
		if shared, _ := k.Shared(); shared == 0 {
			break
		}
	}
	compare(t, "with several ways", k, oracle, destinations(r, []netip.Prefix{netip.MustParsePrefix("30.0.0.0/8")}), []int{0}, 500, r)
	if shared, split := k.Shared(); shared != 0 || !split {
		t.Errorf("%d answers are shared where there are several ways", shared)
	}
}

// What the kernel learns of one destination is not that of its neighbours, and
// known after a second without being asked for.
func TestLearntPathMTUsAreNotShared(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a := lab.Node("a")
	up := a.Interfaces()[0].Index
	// With one place for single answers, it always is somebody else's.
	k, err := route.Open(&route.Config{NetNS: a.NetNS(), Entries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for _, c := range []struct{ base, next, src string }{{"10.77.2.100", "10.77.1.2", "10.77.1.1"}, {"fd77:2::100", "fd77:1::2", "fd77:1::1"}} {
		sweep := func() (small []string) {
			d := addr(c.base)
			for range 100 {
				got, err := k.Lookup(d, 0)
				if want := way(route.Unicast, c.src, c.next, up, got.MTU); err != nil || got != want {
					t.Fatalf("%v: %+v, %v", d, got, err)
				}
				if got.MTU != 1500 {
					small = append(small, fmt.Sprint(d, " ", got.MTU))
				}
				d = d.Next()
			}
			return small
		}
		sweep()
		if shared, _ := k.Shared(); shared == 0 {
			t.Error("no answer is shared: that is no test")
		}
		dst := addr(c.base).Next().Next()
		big(t, a, dst)
		// By the interface nobody has asked yet, and the regions are from before.
		if got, err := k.Lookup(dst, up); err != nil || got.MTU != 1300 {
			t.Errorf("%v: %+v, %v", dst, got, err)
		}
		if got, err := k.Lookup(dst.Next(), up); err != nil || got.MTU != 1500 {
			t.Errorf("%v, whose neighbour has a learnt path MTU: %+v, %v", dst.Next(), got, err)
		}
		for deadline := time.Now().Add(10 * time.Second); len(sweep()) == 0 && time.Now().Before(deadline); {
		}
		for range 20 {
			if small := sweep(); len(small) != 1 || small[0] != fmt.Sprint(dst, " 1300") {
				t.Errorf("a path MTU was learnt for %v: %q", dst, small)
			}
		}
	}
}
