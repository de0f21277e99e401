// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"protean/transport"
	"protean/transport/route"
)

func way(kind route.Type, src, next string, ifindex, mtu int) route.Route {
	return route.Route{Type: kind, Route: transport.Route{Src: addr(src), NextHop: addr(next), IfIndex: ifindex, MTU: mtu}}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestTablesMatchTheLongestPrefix(t *testing.T) {
	var table route.Table
	if _, err := table.Lookup(addr("10.0.0.1"), 0); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("the zero table: %v", err)
	}
	prefix := netip.MustParsePrefix
	err := table.Set(
		route.Entry{Dst: prefix("0.0.0.0/0"), Src: addr("10.0.0.9"), Gateway: addr("10.0.0.1"), IfIndex: 1},
		route.Entry{Dst: prefix("10.0.0.9/24"), Src: addr("10.0.0.9"), IfIndex: 1, MTU: 9000},
		route.Entry{Dst: prefix("10.0.0.0/24"), Src: addr("10.0.0.8"), IfIndex: 2},
		route.Entry{Dst: prefix("10.0.0.255/32"), Src: addr("10.0.0.9"), IfIndex: 1, Type: route.Broadcast},
		route.Entry{Dst: prefix("10.0.0.64/26"), Type: route.Blackhole},
		route.Entry{Dst: prefix("10.0.0.128/26"), Type: route.Prohibit},
		route.Entry{Dst: prefix("fd00::/64"), Src: addr("fd00::9"), IfIndex: 1},
		route.Entry{Dst: prefix("ff00::/8"), Src: addr("fd00::9"), IfIndex: 3},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dst     string
		ifindex int
		want    route.Route
	}{
		{"192.0.2.1", 0, way(route.Unicast, "10.0.0.9", "10.0.0.1", 1, 1500)},
		{"::ffff:192.0.2.1", 0, way(route.Unicast, "10.0.0.9", "10.0.0.1", 1, 1500)},
		{"10.0.0.5", 0, way(route.Unicast, "10.0.0.9", "10.0.0.5", 1, 9000)},
		{"10.0.0.5", 2, way(route.Unicast, "10.0.0.8", "10.0.0.5", 2, 1500)},
		{"10.0.0.255", 0, way(route.Broadcast, "10.0.0.9", "10.0.0.255", 1, 1500)},
		{"10.0.0.255", 2, way(route.Unicast, "10.0.0.8", "10.0.0.255", 2, 1500)},
		{"224.0.0.5", 0, way(route.Multicast, "10.0.0.9", "224.0.0.5", 1, 1500)},
		{"fd00::1%eth0", 0, way(route.Unicast, "fd00::9", "fd00::1", 1, 1500)},
		{"ff02::1", 0, way(route.Multicast, "fd00::9", "ff02::1", 3, 1500)},
	} {
		if got, err := table.Lookup(addr(c.dst), c.ifindex); err != nil || got != c.want {
			t.Errorf("%s by %d: %+v, %v; want %+v", c.dst, c.ifindex, got, err, c.want)
		}
	}
	for dst, want := range map[netip.Addr]error{
		addr("10.0.0.65"): syscall.ENETUNREACH, addr("10.0.0.129"): syscall.EACCES, addr("fd01::1"): syscall.ENETUNREACH, {}: syscall.ENETUNREACH,
	} {
		if _, err := table.Lookup(dst, 0); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", dst, err, want)
		}
	}
	if _, err := table.Lookup(addr("192.0.2.1"), 7); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("by another interface: %v", err)
	}
	var ae *net.AddrError
	if err := table.Set(route.Entry{}); !errors.As(err, &ae) {
		t.Errorf("no prefix: %v", err)
	}
}

// A table is compared with a search through all its routes.
func TestTablesAgreeWithASearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var table route.Table
		var entries []route.Entry
		for i := range 100 {
			a := netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), byte(r.IntN(4)), byte(r.Uint32())})
			bits := r.IntN(33)
			if i%2 == 0 {
				b := a.As4()
				a, bits = netip.AddrFrom16([16]byte{0: 0xfd, 7: b[2], 14: b[1], 15: b[3]}), r.IntN(129)
			}
			entries = append(entries, route.Entry{Dst: netip.PrefixFrom(a, bits), IfIndex: 1 + r.IntN(3), MTU: 1000 + i, Src: a})
		}
		if err := table.Set(entries...); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			e := entries[r.IntN(len(entries))]
			dst, ifindex := e.Dst.Addr(), r.IntN(4)
			for range r.IntN(3) {
				dst = dst.Next()
			}
			best := route.Entry{}
			for _, e := range entries {
				better := !best.Dst.IsValid() || e.Dst.Bits() > best.Dst.Bits()
				if e.Dst.Contains(dst) && (ifindex == 0 || e.IfIndex == ifindex) && better {
					best = e
				}
			}
			got, err := table.Lookup(dst, ifindex)
			if best.Dst.IsValid() != (err == nil) || err == nil && got.MTU != best.MTU {
				t.Fatalf("%v by %d: %+v, %v; want %+v", dst, ifindex, got, err, best)
			}
		}
	}
}
