// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

func TestWhatCannotBeIsAConfigError(t *testing.T) {
	n, other := sim.New(nil), sim.New(nil)
	defer n.Close()
	defer other.Close()
	a := mustNode(t)(n.Node("a"))
	b := mustNode(t)(n.Node("b"))
	pa := mustPort(t)(a.AddInterface("eth0", prefixes("10.0.0.1/24", "2001:db8::1/64")...))
	pb := mustPort(t)(b.AddInterface("eth0", prefixes("10.0.0.2/24")...))
	foreign := mustNode(t)(other.Node("a"))
	sw, err := n.Switch("sw")
	check(t, err)
	l, err := sw.Connect(pa, nil)
	check(t, err)
	p2 := l.Ports()[1]
	loose := mustPort(t)(a.AddInterface("eth1"))
	gone := mustPort(t)(a.AddInterface("gone"))
	check(t, gone.Remove())
	route := func(dst, via string) sim.Route {
		r := sim.Route{Dst: netip.MustParsePrefix(dst)}
		if via != "" {
			r.Via = addr(via)
		}
		return r
	}
	check(t, a.AddRoute(route("10.9.0.0/16", "10.0.0.2")))
	nodes := func(all ...*sim.Node) []*sim.Node { return all }
	partition := func(sides ...[]*sim.Node) error { _, err := n.Partition(sides...); return err }
	discardNode := func(_ *sim.Node, err error) error { return err }
	discardPort := func(_ *sim.Port, err error) error { return err }
	discardLink := func(_ *sim.Link, err error) error { return err }
	discardSwitch := func(_ *sim.Switch, err error) error { return err }
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"two nodes of one name", discardNode(n.Node("a")), "is taken"},
		{"a switch with a node's name", discardSwitch(n.Switch("a")), "is taken"},
		{"a node with a switch's name", discardNode(n.Router("sw", nil)), "is taken"},
		{"two interfaces of one name", discardPort(a.AddInterface("eth0")), "is taken"},
		{"a link to nowhere", discardLink(n.Connect(loose, nil, nil)), "is nil"},
		{"a link of a switch to nowhere", discardLink(sw.Connect(nil, nil)), "is nil"},
		{"a link of a switch to a switch's port", discardLink(n.Connect(loose, p2, nil)), "is a switch's"},
		{"a link to a removed interface", discardLink(n.Connect(gone, pb, nil)), "is removed"},
		{"a link with a negative delay", discardLink(n.Connect(loose, pb, &sim.LinkConfig{Delay: -1})), "is negative"},
		{"a link with an MTU of 67", discardLink(n.Connect(loose, pb, &sim.LinkConfig{MTU: 67})), "is less than 68"},
		{"two links of one name", discardLink(sw.Connect(pb, &sim.LinkConfig{Name: l.Name()})), ""},
		{"an MTU of 67", l.SetMTU(67), "is less than 68"},
		{"an MTU too small for IPv6", l.SetMTU(1279), "is less than 1280"},
		{"an MTU that no packet has", l.SetMTU(1 << 20), "is more than"},
		{"an MTU of an interface without a link", loose.SetMTU(1500), "has no link"},
		{"an MTU of a removed interface", gone.SetMTU(1500), "is removed"},
		{"an MTU of a switch's port", p2.SetMTU(1500), "is a switch's"},
		{"an address twice", pa.AddAddress(netip.MustParsePrefix("10.0.0.1/8")), "has already"},
		{"a group as address", pa.AddAddress(netip.MustParsePrefix("224.0.0.1/24")), "is not of a unicast"},
		{"an address that is not there", pa.RemoveAddress(addr("10.0.0.7")), "is not there"},
		{"removing an interface twice", gone.Remove(), "is removed"},
		{"a route without a way", a.AddRoute(route("10.8.0.0/16", "")), "is not given"},
		{"a route to a gateway that nobody reaches", a.AddRoute(route("10.8.0.0/16", "172.16.0.1")), "is on no link"},
		{"a route to a gateway behind a gateway", a.AddRoute(route("10.8.0.0/16", "10.9.0.1")), "is on no link"},
		{"a route to a gateway of the other family", a.AddRoute(route("10.8.0.0/16", "2001:db8::2")), "is of the other family"},
		{"a route to the node itself", a.AddRoute(route("10.8.0.0/16", "10.0.0.1")), "of the node itself"},
		{"a route to a group as gateway", a.AddRoute(route("10.8.0.0/16", "224.0.0.1")), "is not a unicast"},
		{"a route to a link-local gateway without an interface", a.AddRoute(route("2001:db8:1::/48", "fe80::1")), "is nil"},
		{"a second route to a prefix", a.AddRoute(route("10.9.0.0/16", "10.0.0.3")), "has a route already"},
		{"a route to a prefix with more bits", a.AddRoute(route("10.8.0.1/16", "10.0.0.2")), "has bits set"},
		{"a route through another's interface", a.AddRoute(sim.Route{Dst: netip.MustParsePrefix("10.8.0.0/16"), Port: pb}), "is not an interface"},
		{"a route with a small MTU", a.AddRoute(sim.Route{Dst: netip.MustParsePrefix("10.8.0.0/16"), Port: pa, MTU: 60}), "is not in 68"},
		{"a black hole with a gateway", a.AddRoute(sim.Route{Dst: netip.MustParsePrefix("10.8.0.0/16"), Via: addr("10.0.0.2"), Kind: sim.Blackhole}), "lets no packet pass"},
		{"removing a route that is not there", a.RemoveRoute(netip.MustParsePrefix("10.8.0.0/16")), "has no route"},
		{"a partition with one side", partition(nodes(a)), "are 1"},
		{"a partition with a node twice", partition(nodes(a), nodes(b, a)), "is given twice"},
		{"a partition with another's node", partition(nodes(a), nodes(foreign)), "is not of this network"},
		{"a kernel with unknown messages", a.SetKernel(&sim.KernelConfig{Silent: 1 << 15}), "not known"},
		{"a kernel with a negative burst", discardNode(n.Router("r", &sim.KernelConfig{Burst: -1})), "is negative"},
		{"no action", n.After(0, nil), "is nil"},
	} {
		var e *sim.ConfigError
		if !errors.As(c.err, &e) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v, want a ConfigError that says %q", c.name, c.err, c.want)
		}
	}
	// What failed has left nothing behind.
	if _, err := n.Router("r", nil); err != nil {
		t.Error(err)
	}
	if _, err := sw.Connect(pb, nil); err != nil {
		t.Error(err)
	}
	check(t, n.Close())
	for name, err := range map[string]error{
		"AddRoute": a.AddRoute(sim.Default(addrB)), "SetKernel": a.SetKernel(nil), "Restart": a.Restart(),
		"Partition": partition(nodes(a), nodes(b)), "After": n.After(0, func() {}), "SetMTU": l.SetMTU(1500),
		"AddAddress": pa.AddAddress(netip.MustParsePrefix("10.0.0.7/24")), "Remove": pa.Remove(),
		"Switch": discardSwitch(n.Switch("s")), "Router": discardNode(n.Router("q", nil)),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func TestARoutingLoopEndsWithTheTTL(t *testing.T) {
	n := sim.New(nil)
	defer n.Close()
	r1, err := n.Router("r1", nil)
	check(t, err)
	r2, err := n.Router("r2", nil)
	check(t, err)
	p1 := mustPort(t)(r1.AddInterface("eth0", seg4(1, 1), seg6(1, 1)))
	p2 := mustPort(t)(r2.AddInterface("eth0", seg4(1, 2), seg6(1, 2)))
	l, err := n.Connect(p1, p2, nil)
	check(t, err)
	check(t, r1.AddRoute(sim.Default(seg4(1, 2).Addr())))
	check(t, r2.AddRoute(sim.Default(seg4(1, 1).Addr())))
	check(t, r1.AddRoute(sim.Default(seg6(1, 2).Addr())))
	check(t, r2.AddRoute(sim.Default(seg6(1, 1).Addr())))
	h := open(t, r1, nil)
	for _, b := range [][]byte{
		// Not from the router's own address, which the other must not send back.
		ttl(ip4(seg4(1, 77).Addr(), addr("8.8.8.8"), 100), 255),
		ttl(ip6(seg6(1, 1).Addr(), addr("2001:db8::8"), 100), 255),
	} {
		check(t, send(t, h, b))
		check(t, n.Run(0))
	}
	forth, back := l.Stats()
	if sum := forth.Offered + back.Offered; sum < 2*255 || sum > 2*256 {
		t.Errorf("%d packets on the link", sum)
	}
	if s1, s2 := r1.Stats(), r2.Stats(); s1.Dropped[transport.TTLExceeded]+s2.Dropped[transport.TTLExceeded] != 2 {
		t.Errorf("%+v\n%+v", s1, s2)
	}
}

func TestAPanicOfAStepperIsAnErrorWithItsStack(t *testing.T) {
	p := newPair(t, nil, nil)
	broken := errors.New("broken")
	panics := 0
	check(t, p.n.Attach(p.ta, stepFunc(func(now time.Time) (time.Time, error) {
		if panics++; panics <= 2 {
			panic(broken)
		}
		return time.Time{}, nil
	})))
	for range 2 {
		err := p.n.Run(time.Second)
		var se *sim.StepError
		var pe *sim.PanicError
		if !errors.As(err, &se) || !errors.As(err, &pe) || !errors.Is(err, broken) {
			t.Fatalf("error %v", err)
		}
		if se.Handle != "a#1" || !strings.Contains(string(pe.Stack), "badinput_test.go") {
			t.Errorf("handle %s, stack %s", se.Handle, pe.Stack)
		}
	}
	check(t, p.n.Run(time.Second))
}

func TestALivelockSaysWhoTookTheSteps(t *testing.T) {
	p := newPair(t, &sim.Config{MaxSteps: 5000}, nil)
	attach(t, p.n, p.tb, nil)
	attach(t, p.n, p.ta, ip4(addrA, addrB, 60))
	err := p.n.Run(time.Hour)
	var e *sim.LivelockError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	total := 0
	for _, l := range e.Last {
		total += l.Count
	}
	if total < 1000 || len(e.Last) != 4 {
		t.Errorf("%d steps: %+v", total, e.Last)
	}
	for _, who := range []string{"poll of a#1", "poll of b#1", "packet from a:eth0 to b:eth0", "packet from b:eth0 to a:eth0"} {
		if !strings.Contains(err.Error(), who) {
			t.Errorf("%v does not tell of the %s", err, who)
		}
	}
	t.Log(err)
}
