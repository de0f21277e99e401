// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route_test

import (
	"net/netip"
	"testing"

	"protean/transport/netlab"
)

func TestLookingUpAgainAllocatesNothing(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	k := open(t, lab.Node("a"))
	for _, dst := range []netip.Addr{addr("10.77.1.2"), addr("fd77:1::2"), addr("10.9.9.9")} {
		k.Lookup(dst, 0)
		if n := testing.AllocsPerRun(100, func() { k.Lookup(dst, 0) }); n != 0 {
			t.Errorf("%v: %v allocations", dst, n)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	lab := netlab.Test(b, netlab.Line(1))
	n := lab.Node("a")
	k := open(b, n)
	run := func(name string, dst func(i int) netip.Addr) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				if _, err := k.Lookup(dst(i), 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	four, six := addr("10.77.2.2"), addr("fd77:2::2")
	run("one, IPv4", func(int) netip.Addr { return four })
	run("one, IPv6", func(int) netip.Addr { return six })
	run("sweep, IPv4", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}) })
	run("sweep, IPv6", func(i int) netip.Addr {
		return netip.AddrFrom16([16]byte{0: 0xfd, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
	})
}
