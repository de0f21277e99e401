// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"net/netip"
	"slices"
	"testing"

	"protean/proto/wire"
)

func TestTracerouteOverAChainOfRouters(t *testing.T) {
	overBoth(t, func(t *testing.T, r *rig) {
		for _, v6 := range []bool{false, true} {
			want := []netip.Addr{segment(v6, 1, 2), segment(v6, 2, 2), segment(v6, 3, 2), r.dst(v6)}
			if got := traceroute(t, r, v6); !slices.Equal(got, want) {
				t.Errorf("the hops are %v, want %v", got, want)
			}
		}
	})
}

// traceroute returns the hops to the end of the chain, by UDP datagrams with a
// growing TTL.
func traceroute(t *testing.T, r *rig, v6 bool) (hops []netip.Addr) {
	for n := uint8(1); n < 30; n++ {
		answers := r.ask(t, ttl(udp(r.src(v6), r.dst(v6), 32), n))
		if len(answers) != 1 {
			t.Fatalf("TTL %d: %d answers", n, len(answers))
		}
		hops = append(hops, answers[0].Src())
		switch typ, code := answers[0].Payload()[0], answers[0].Payload()[1]; {
		case !v6 && typ == wire.ICMPv4TimeExceeded, v6 && typ == wire.ICMPv6TimeExceeded:
		case !v6 && typ == wire.ICMPv4Unreachable && code == wire.ICMPv4PortUnreachable,
			v6 && typ == wire.ICMPv6Unreachable && code == wire.ICMPv6PortUnreachable:
			return hops
		default:
			t.Fatalf("TTL %d: ICMP type %d code %d", n, typ, code)
		}
	}
	t.Fatal("the end is never reached")
	return nil
}

func TestPathMTUDiscoveryOverAChainOfRouters(t *testing.T) {
	overBoth(t, func(t *testing.T, r *rig) {
		for _, v6 := range []bool{false, true} {
			if got := pathMTU(t, r, v6); !slices.Equal(got, []int{1500, 1400, 1300}) {
				t.Errorf("IPv6 %v: the sizes are %v", v6, got)
			}
		}
	})
}

// pathMTU sends datagrams that must not be fragmented, each as large as the
// router that refused the last one said, until one arrives, and returns their
// sizes (RFC 1191, RFC 8201).
func pathMTU(t *testing.T, r *rig, v6 bool) (sizes []int) {
	for size := 1500; ; {
		sizes = append(sizes, size)
		b := udp(r.src(v6), r.dst(v6), size-28)
		if v6 {
			b = udp(r.src(v6), r.dst(v6), size-48)
		} else {
			b[6] |= 0x40
			refill(b)
		}
		answers := r.ask(t, b)
		if len(answers) != 1 {
			t.Fatalf("%d bytes: %d answers", size, len(answers))
		}
		mtu := 0
		if v6 {
			m, bad := wire.ParseICMPv6(answers[0].Payload(), answers[0].Src(), answers[0].Dst())
			if bad != wire.NotMalformed {
				t.Fatal(bad)
			}
			mtu = int(m.MTU())
		} else {
			m, bad := wire.ParseICMPv4(answers[0].Payload())
			if bad != wire.NotMalformed {
				t.Fatal(bad)
			}
			mtu = m.MTU()
		}
		if mtu == 0 { // port unreachable: it arrived
			return sizes
		}
		if mtu >= size {
			t.Fatalf("%d bytes are too big for an MTU of %d", size, mtu)
		}
		size = mtu
	}
}
