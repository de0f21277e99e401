// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"protean/transport/netlab"
)

func TestPingNeedsNoPrivileges(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("setpriv, which takes capabilities away, is not installed")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unprivileged := func(args ...string) (out string, code int) {
		ping := icmpecho(append([]string{"ping", "-c", "2", "-i", "0.1"}, args...)...)
		cmd := exec.Command(setpriv, append([]string{"--bounding-set=-net_raw", "--inh-caps=-all", "--", self}, ping.Args[1:]...)...)
		cmd.Env = ping.Env
		return run(t, a, cmd)
	}
	// A new namespace permits ping sockets to nobody.
	for transport, want := range map[string]string{"raw": "CAP_NET_RAW is required", "ping": "ping_group_range"} {
		if out, code := unprivileged("--transport", transport, b.Addr4().String()); code != 2 || !strings.Contains(out, want) {
			t.Errorf("nothing permitted, %s: exit code %d, printed:\n%s", transport, code, out)
		}
	}
	if err := a.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{}, {"--transport", "ping"}, {"-I", "eth0"}} {
		bothAddresses(t, b, func(t *testing.T, addr netip.Addr) {
			out, code := unprivileged(append(args, addr.String())...)
			if code != 0 || !strings.Contains(out, "2 packets transmitted, 2 received, 0% packet loss") || !strings.Contains(out, "icmp_seq=2 ttl=64") {
				t.Errorf("%q: exit code %d, printed:\n%s", args, code, out)
			}
		})
	}
}
