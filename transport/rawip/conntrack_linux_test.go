// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"context"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

func TestConnectionTrackingDoesNotHoldFragmentsBack(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft, which switches connection tracking on, is not installed")
	}
	a, b := lab.Node("a"), lab.Node("b")
	for _, rule := range []string{
		"add table ip t",
		"add chain ip t out { type filter hook output priority 0; }",
		"add rule ip t out ct state new counter",
	} {
		if out, err := a.Run(context.Background(), "nft", rule); err != nil {
			t.Fatalf("nft %s: %v: %s", rule, err, out)
		}
	}
	w := watch(t, b, unix.ETH_P_IP)
	first := func(id byte) []byte {
		p := packet(between(a, b, false), pattern(16))
		p[5] = id
		p[6] |= 0x20 // more fragments, which never come
		return p
	}
	// Without IP_NODEFRAG it is held back.
	if err := unix.Sendto(otherSocket(t, a, false, unix.IPPROTO_RAW), first(1), 0, sockaddrOf(b.Addr4())); err != nil {
		t.Fatal(err)
	}
	send(t, open(t, a, Config{}), first(2))
	for {
		if p := w.next(253); p[6]&0x20 == 0 {
			t.Fatalf("not a fragment: %x", p)
		} else if p[5] == 2 {
			return
		}
		t.Error("a fragment was let through without IP_NODEFRAG: the test shows nothing")
	}
}
