// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"protean/transport/netlab"
)

func TestPingAndRespondOverPacketSockets(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	r := startResponder(t, b, "--transport", "packet", "-I", "eth0")
	bothAddresses(t, b, func(t *testing.T, addr netip.Addr) {
		for _, size := range []int{0, 56, 8000} { // the last one in fragments
			out, code := run(t, a, icmpecho("ping", "--transport", "packet", "-I", "eth0", "-c", "3", "-i", "0.1", "-s", fmt.Sprint(size), addr.String()))
			reply := fmt.Sprintf("%d bytes from %v: icmp_seq=3 ttl=64 time=", size+8, addr)
			if code != 0 || !strings.Contains(out, "3 packets transmitted, 3 received, 0% packet loss") || !strings.Contains(out, reply) {
				t.Errorf("%d bytes: exit code %d, printed:\n%s", size, code, out)
			}
		}
	})
	if out, _ := r.end(t, syscall.SIGTERM); out != "18 requests, 18 answered\n" {
		t.Errorf("respond printed %q", out)
	}
}

// Addresses that nobody has are answered for, and the kernel's as before.
func TestRespondTakesAddressesOver(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	claimed := []netip.Addr{netip.MustParseAddr("10.77.1.200"), netip.MustParseAddr("fd77:1::200")}
	r := startResponder(t, b, "--transport", "packet", "-I", "eth0", "--claim", claimed[0].String(), claimed[1].String())
	for _, addr := range append(claimed, b.Addr4(), b.Addr6()) {
		out, code := run(t, a, icmpecho("ping", "-c", "3", "-i", "0.1", addr.String()))
		if code != 0 || !strings.Contains(out, "3 packets transmitted, 3 received, 0% packet loss") {
			t.Errorf("%v: exit code %d, printed:\n%s", addr, code, out)
		}
	}
	if out, _ := r.end(t, syscall.SIGTERM); out != "6 requests, 6 answered\n" {
		t.Errorf("respond printed %q", out)
	}
	for _, addr := range claimed { // the kernel remembers where it was, but nobody answers
		if out, code := run(t, a, icmpecho("ping", "-c", "1", "-W", "0.1", addr.String())); code != 1 {
			t.Errorf("%v, given up: exit code %d, printed:\n%s", addr, code, out)
		}
	}
	for _, args := range [][]string{{"10.77.1.200"}, {"--transport", "packet", "-I", "eth0"}, {"--transport", "packet", "-I", "eth0", b.Addr4().String()}} {
		if out, code := run(t, b, icmpecho(append([]string{"respond", "--claim"}, args...)...)); code != 2 || !strings.Contains(out, "claim") {
			t.Errorf("%q: exit code %d, printed:\n%s", args, code, out)
		}
	}
}

func TestPacketSocketsTakeAnInterface(t *testing.T) {
	for _, args := range [][]string{
		{"ping", "--transport", "packet", "127.0.0.1"},
		{"ping", "--transport", "packet", "-I", "127.0.0.1", "127.0.0.1"},
		{"respond", "--transport", "packet"},
	} {
		out, err := icmpecho(args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "takes an interface") {
			t.Errorf("%q: %v, printed:\n%s", args, err, out)
		}
	}
}
