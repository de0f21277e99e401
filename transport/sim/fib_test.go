// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// randomAddr returns an address of which few bits vary, so that prefixes
// contain each other.
func randomAddr(r *rand.Rand, v6 bool) netip.Addr {
	b := [16]byte{0: 10, 1: byte(r.IntN(4)), 2: byte(r.IntN(4)) << 6, 3: byte(r.IntN(256)), 7: byte(r.IntN(2)), 8: byte(r.IntN(4)), 15: byte(r.IntN(8))}
	if v6 {
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

func TestTheLongestPrefixIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, v6 := range []bool{false, true} {
		for _, count := range []int{0, 1, 5, manyRoutes - 1, manyRoutes, 300} {
			var f fib
			var entries []entry
			prefixes := map[*Route]netip.Prefix{}
			most := 33
			if v6 {
				most = 129
			}
			for range count {
				q := netip.PrefixFrom(randomAddr(r, v6), r.IntN(most)).Masked()
				e := entry{dst: addrKey(q.Addr()), mask: maskOf(q.Bits()), bits: q.Bits(), route: new(Route)}
				prefixes[e.route] = q
				entries = append(entries, e)
			}
			f.build(entries)
			if (f.index != nil) != (count >= manyRoutes) {
				t.Fatalf("%d routes: index %v", count, f.index)
			}
			for range 2000 {
				a := randomAddr(r, v6)
				best := -1
				for _, q := range prefixes {
					if q.Contains(a) {
						best = max(best, q.Bits())
					}
				}
				got := -1
				if e := f.find(addrKey(a)); e != nil {
					got = e.bits
					if q := prefixes[e.route]; !q.Contains(a) || q.Bits() != got {
						t.Fatalf("%v is not in %v", a, q)
					}
				}
				if got != best {
					t.Fatalf("%d routes: %v: length %d, want %d", count, a, got, best)
				}
			}
		}
	}
}

func TestKeysAreAddresses(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		for _, v6 := range []bool{false, true} {
			a := randomAddr(r, v6)
			k := addrKey(a)
			if k.addr(v6) != a || keyOf(a.AsSlice()) != k {
				t.Fatalf("%v: %v", a, k)
			}
			bits := r.IntN(a.BitLen() + 1)
			if want := netip.PrefixFrom(a, bits).Masked().Addr(); k.and(maskOf(bits)).addr(v6) != want {
				t.Fatalf("%v/%d: %v, want %v", a, bits, k.and(maskOf(bits)).addr(v6), want)
			}
		}
	}
	for _, s := range []string{"224.0.0.1", "239.1.2.3", "ff02::1", "10.0.0.1", "fe80::1", "febf::1", "fec0::1", "2001:db8::1"} {
		a := netip.MustParseAddr(s)
		if k := addrKey(a); k.multicast(a.Is6()) != a.IsMulticast() || a.Is6() && k.linkLocal() != a.IsLinkLocalUnicast() {
			t.Errorf("%v", a)
		}
	}
}
