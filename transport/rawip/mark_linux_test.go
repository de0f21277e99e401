// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"protean/transport/netlab"
)

// TestRouteIsThatOfPacketsWithTheMark has a rule send packets with a mark out of
// another interface: Route says so, and they go there. So it is with sockets
// that were passed in, whatever the configuration says.
func TestRouteIsThatOfPacketsWithTheMark(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip, which adds rules, is not installed")
	}
	lab := netlab.Test(t, netlab.Topology{
		Nodes: []netlab.NodeSpec{{Name: "m"}, {Name: "a"}, {Name: "b"}},
		Links: []netlab.LinkSpec{{A: "m", B: "a"}, {A: "m", B: "b"}},
	})
	m, a, b := lab.Node("m"), lab.Node("a"), lab.Node("b")
	for _, args := range []string{
		"-4 rule add fwmark 1 table 100",
		"-6 rule add fwmark 1 table 100",
		"-4 route add 192.0.2.0/24 via " + a.Addr4().String(),
		"-6 route add 2001:db8::/32 via " + a.Addr6().String(),
		"-4 route add 192.0.2.0/24 via " + b.Addr4().String() + " table 100",
		"-6 route add 2001:db8::/32 via " + b.Addr6().String() + " table 100",
		"-4 route add local 192.0.2.1/32 dev lo", // at once, which an IPv6 address is not
		"-6 route add local 2001:db8::1/128 dev lo",
	} {
		for _, n := range lab.Nodes() {
			if strings.Contains(args, " local ") == (n == m) {
				continue
			}
			if out, err := n.Run(context.Background(), "ip", strings.Fields(args)...); err != nil {
				t.Fatalf("ip %s: %v: %s", args, err, out)
			}
		}
	}
	check := func(t *testing.T, tx *Transport, to *netlab.Node, out int) {
		t.Helper()
		rx := open(t, to, Config{})
		bind(t, rx, 253)
		for _, dst := range []string{"192.0.2.1", "2001:db8::1"} {
			r, err := tx.Route(addr(dst), 0)
			if err != nil || r.IfIndex != m.Interfaces()[out].Index {
				t.Errorf("%s: interface %d, %v; want %d", dst, r.IfIndex, err, m.Interfaces()[out].Index)
			}
			send(t, tx, packet(header{src: r.Src, dst: addr(dst)}, []byte("marked")))
			if p := receive(t, rx, 1)[0]; p.Dst() != addr(dst) {
				t.Errorf("a packet to %v came", p.Dst())
			}
		}
	}
	t.Run("none", func(t *testing.T) { check(t, open(t, m, Config{}), a, 0) })
	t.Run("the mark", func(t *testing.T) { check(t, open(t, m, Config{Mark: 1}), b, 1) })
	t.Run("the mark, Kernel", func(t *testing.T) { check(t, open(t, m, Config{Mark: 1, Header: Kernel}), b, 1) })
	for name, c := range map[string]struct {
		passed, cfg uint32
		to          *netlab.Node
		out         int
	}{
		"passed in":             {1, 0, b, 1},
		"passed in without one": {0, 1, a, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tx, err := FromFiles(&Config{NetNS: m.NetNS(), Mark: c.cfg}, exported(t, m, Config{Mark: c.passed})...)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Close()
			check(t, tx, c.to, c.out)
		})
	}
}
