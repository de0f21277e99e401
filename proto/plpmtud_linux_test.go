// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/plpmtud"
	"protean/transport/netlab"
	"protean/transport/rawip"
)

// TestProbingFindsWhatASilentRouterCarries, which sends no ICMP.
func TestProbingFindsWhatASilentRouterCarries(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a, r, b := lab.Node("a"), lab.Node("r1"), lab.Node("b")
	if _, err := exec.LookPath("nft"); err != nil {
		if os.Getenv("PROTEAN_REQUIRE_NETLAB") != "" {
			t.Fatal(err)
		}
		t.Skip("nft, which silences the router, is not installed")
	}
	for _, rule := range []string{
		"add table inet t",
		"add chain inet t out { type filter hook output priority 0; }",
		"add rule inet t out icmp type destination-unreachable drop",
		"add rule inet t out icmpv6 type packet-too-big drop",
	} {
		if out, err := r.Run(context.Background(), "nft", rule); err != nil {
			t.Fatalf("nft %s: %v: %s", rule, err, out)
		}
	}
	handle(t, rawHost(t, b, rawip.Config{}), 253, proto.HandlerFunc(probed))
	for _, dst := range []netip.Addr{b.Addr4(), b.Addr6()} {
		h := rawHost(t, a, rawip.Config{})
		x := &prober{peer: dst, c: plpmtud.Config{Max: 1500, Base: 1280, ProbeTimeout: 100 * time.Millisecond, MaxProbes: 2}}
		bx := handle(t, h, 253, x)
		over, got := false, 0
		for end := time.Now().Add(20 * time.Second); !over && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			do(t, bx, func(*proto.Env) { over, got = x.d.State() == plpmtud.Complete, x.d.MTU() })
		}
		if !over || got > 1300 || got <= 1300-plpmtud.DefaultStep {
			t.Errorf("the path to %v is found to carry %d bytes, want 1300; over %v", dst, got, over)
		}
		if s := h.Stats().Network; s.Reported != 0 {
			t.Errorf("the router is not silent: %+v", s)
		}
	}
}
