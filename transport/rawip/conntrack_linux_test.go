// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"context"
	"encoding/binary"
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
	seen := -1
	err := b.Do(func() (err error) {
		seen, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(ethPIP()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(seen)
	if err := unix.SetsockoptTimeval(seen, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		t.Fatal(err)
	}

	first := packet(between(a, b, false), pattern(16))
	first[6] |= 0x20 // more fragments, which never come
	send(t, open(t, a, Config{}), first)
	buf := make([]byte, 2048)
	for {
		n, _, err := unix.Recvfrom(seen, buf, 0)
		if err != nil {
			t.Fatalf("the fragment did not arrive: %v", err)
		}
		if p := buf[:n]; n >= 36 && p[9] == 253 && p[6]&0x20 != 0 {
			return
		}
	}
}

// ethPIP is ETH_P_IP in network byte order, as packet(7) wants it.
func ethPIP() uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_IP))
}
