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
			out, code := run(t, a, icmpecho("ping", "--transport", "packet", "-I", "eth0", "-c", "3", "-i", "0.01", "-s", fmt.Sprint(size), addr.String()))
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
