// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"
	"strings"
	"testing"
)

// describe renders what a plan decides, one fact a line.
func describe(p *plan) string {
	var b strings.Builder
	for _, n := range p.nodes {
		for _, f := range n.ifaces {
			fmt.Fprintf(&b, "%s %s mtu %d", n.Name, f.name, f.mtu)
			if f.addr4.IsValid() {
				fmt.Fprintf(&b, " %v %v", f.addr4, f.hw)
			}
			if f.addr6.IsValid() {
				fmt.Fprintf(&b, " %v", f.addr6)
			}
			b.WriteByte('\n')
		}
		for _, r := range n.routes {
			fmt.Fprintf(&b, "%s to %v via %v", n.Name, r.dst4, r.via4)
			if r.dst6.IsValid() && r.via6.IsValid() {
				fmt.Fprintf(&b, ", %v via %v", r.dst6, r.via6)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func TestPlan(t *testing.T) {
	twoWays := Line(2)
	twoWays.Nodes = append(twoWays.Nodes, NodeSpec{Name: "c"})
	twoWays.Links = append(twoWays.Links, LinkSpec{A: "c", B: "r1"}, LinkSpec{A: "c", B: "r2"})

	for _, test := range []struct {
		name string
		top  Topology
		want string
	}{
		{"an empty topology plans nothing", Topology{}, ""},
		{"a pair shares a segment and needs no routes", Pair(), `
a eth0 mtu 1500 10.77.1.1/24 02:00:0a:4d:01:01 fd77:1::1/64
b eth0 mtu 1500 10.77.1.2/24 02:00:0a:4d:01:02 fd77:1::2/64
`},
		{"hosts on a line have a default route, routers one to each other segment", Line(2), `
a eth0 mtu 1500 10.77.1.1/24 02:00:0a:4d:01:01 fd77:1::1/64
a to 0.0.0.0/0 via 10.77.1.2, ::/0 via fd77:1::2
r1 eth0 mtu 1500 10.77.1.2/24 02:00:0a:4d:01:02 fd77:1::2/64
r1 eth1 mtu 1500 10.77.2.1/24 02:00:0a:4d:02:01 fd77:2::1/64
r1 to 10.77.3.0/24 via 10.77.2.2, fd77:3::/64 via fd77:2::2
r2 eth0 mtu 1500 10.77.2.2/24 02:00:0a:4d:02:02 fd77:2::2/64
r2 eth1 mtu 1500 10.77.3.1/24 02:00:0a:4d:03:01 fd77:3::1/64
r2 to 10.77.1.0/24 via 10.77.2.1, fd77:1::/64 via fd77:2::1
b eth0 mtu 1500 10.77.3.2/24 02:00:0a:4d:03:02 fd77:3::2/64
b to 0.0.0.0/0 via 10.77.3.1, ::/0 via fd77:3::1
`},
		{"a star is one segment, and its switch has no addresses", Star(2), `
sw eth0 mtu 1500
sw eth1 mtu 1500
h1 eth0 mtu 1500 10.77.1.1/24 02:00:0a:4d:01:01 fd77:1::1/64
h2 eth0 mtu 1500 10.77.1.2/24 02:00:0a:4d:01:02 fd77:1::2/64
`},
		{"an MTU below 1280 leaves IPv6 out", Pair().WithLinkMTU(0, 576), `
a eth0 mtu 576 10.77.1.1/24 02:00:0a:4d:01:01
b eth0 mtu 576 10.77.1.2/24 02:00:0a:4d:01:02
`},
		{"a host on two segments takes the shorter way to each other one", twoWays, `
a eth0 mtu 1500 10.77.1.1/24 02:00:0a:4d:01:01 fd77:1::1/64
a to 0.0.0.0/0 via 10.77.1.2, ::/0 via fd77:1::2
r1 eth0 mtu 1500 10.77.1.2/24 02:00:0a:4d:01:02 fd77:1::2/64
r1 eth1 mtu 1500 10.77.2.1/24 02:00:0a:4d:02:01 fd77:2::1/64
r1 eth2 mtu 1500 10.77.4.2/24 02:00:0a:4d:04:02 fd77:4::2/64
r1 to 10.77.3.0/24 via 10.77.2.2, fd77:3::/64 via fd77:2::2
r1 to 10.77.5.0/24 via 10.77.2.2, fd77:5::/64 via fd77:2::2
r2 eth0 mtu 1500 10.77.2.2/24 02:00:0a:4d:02:02 fd77:2::2/64
r2 eth1 mtu 1500 10.77.3.1/24 02:00:0a:4d:03:01 fd77:3::1/64
r2 eth2 mtu 1500 10.77.5.2/24 02:00:0a:4d:05:02 fd77:5::2/64
r2 to 10.77.1.0/24 via 10.77.2.1, fd77:1::/64 via fd77:2::1
r2 to 10.77.4.0/24 via 10.77.2.1, fd77:4::/64 via fd77:2::1
b eth0 mtu 1500 10.77.3.2/24 02:00:0a:4d:03:02 fd77:3::2/64
b to 0.0.0.0/0 via 10.77.3.1, ::/0 via fd77:3::1
c eth0 mtu 1500 10.77.4.1/24 02:00:0a:4d:04:01 fd77:4::1/64
c eth1 mtu 1500 10.77.5.1/24 02:00:0a:4d:05:01 fd77:5::1/64
c to 10.77.1.0/24 via 10.77.4.2, fd77:1::/64 via fd77:4::2
c to 10.77.2.0/24 via 10.77.4.2, fd77:2::/64 via fd77:4::2
c to 10.77.3.0/24 via 10.77.5.2, fd77:3::/64 via fd77:5::2
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := newPlan(test.top)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := describe(p), strings.TrimPrefix(test.want, "\n"); got != want {
				t.Errorf("plan:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestPlanRefusesWhatCannotBeBuilt(t *testing.T) {
	for _, test := range []struct {
		name string
		top  Topology
		want string
	}{
		{"a node without a name", Topology{Nodes: []NodeSpec{{}}}, "has no name"},
		{"two nodes of one name", Topology{Nodes: []NodeSpec{{Name: "a"}, {Name: "a"}}}, "two nodes"},
		{"an unknown role", Topology{Nodes: []NodeSpec{{Name: "a", Role: 7}}}, "unknown role"},
		{"a link from nowhere", Topology{Links: []LinkSpec{{A: "x", B: "x"}}}, "not a node"},
		{"a link to nowhere", Topology{Nodes: []NodeSpec{{Name: "a"}}, Links: []LinkSpec{{A: "a", B: "x"}}}, "not a node"},
		{"a link to itself", Topology{Nodes: []NodeSpec{{Name: "a"}}, Links: []LinkSpec{{A: "a", B: "a"}}}, "to itself"},
		{"an MTU of 67", Pair().WithMTU(67), "outside 68 to 65535"},
		{"an MTU of 65536", Pair().WithMTU(65536), "outside 68 to 65535"},
		{"a negative MTU", Pair().WithMTU(-1), "outside 68 to 65535"},
		{"more hosts than addresses", Star(255), "more than 254"},
		{"more segments than addresses", Line(254), "more than 254"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newPlan(test.top)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestWithMTULeavesTheOriginalAlone(t *testing.T) {
	before := Line(1)
	after := before.WithMTU(1400).WithLinkMTU(1, 1280)
	if before.Links[0].MTU != 0 || before.Links[1].MTU != 0 {
		t.Errorf("original changed: %v", before.Links)
	}
	if after.Links[0].MTU != 1400 || after.Links[1].MTU != 1280 {
		t.Errorf("copy: %v", after.Links)
	}
}

func TestSysctlNamesStayBelowNet(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"},
		{"net/ipv4/conf/eth0.5/forwarding", "/proc/sys/net/ipv4/conf/eth0.5/forwarding"},
		{"kernel.hostname", ""},
		{"net/../kernel/hostname", ""},
		{"net..kernel", ""},
		{"/net/ipv4/ip_forward", ""},
		{"net", ""},
		{"", ""},
	} {
		got, err := sysctlPath(test.name)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
}
