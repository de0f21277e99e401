// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// wrong fails unless err is a *ConfigError that mentions all the given words.
func wrong(t *testing.T, err error, words ...string) {
	t.Helper()
	var ce *sim.ConfigError
	if !errors.As(err, &ce) {
		t.Fatalf("error %v, want a *ConfigError", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not mention %q", err, w)
		}
	}
}

func TestBadLinkSettingsAreRefused(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name  string
		lc    sim.LinkConfig
		words []string
	}{
		{"a negative delay", sim.LinkConfig{Delay: -1}, []string{"Delay", "negative"}},
		{"a negative jitter", sim.LinkConfig{Jitter: -1}, []string{"Jitter", "negative"}},
		{"a negative reorder delay", sim.LinkConfig{ReorderDelay: -1}, []string{"ReorderDelay", "negative"}},
		{"a delay without end", sim.LinkConfig{Delay: math.MaxInt64}, []string{"Delay", "year"}},
		{"a loss below 0", sim.LinkConfig{Loss: -0.1}, []string{"Loss", "0 to 1"}},
		{"a loss above 1", sim.LinkConfig{Loss: 1.1}, []string{"Loss", "0 to 1"}},
		{"a loss that is no number", sim.LinkConfig{Loss: nan}, []string{"Loss", "0 to 1"}},
		{"an infinite duplication", sim.LinkConfig{Duplicate: math.Inf(1)}, []string{"Duplicate"}},
		{"a reordering that is no number", sim.LinkConfig{Reorder: nan}, []string{"Reorder"}},
		{"a negative rate", sim.LinkConfig{Rate: -1}, []string{"Rate"}},
		{"a negative queue", sim.LinkConfig{QueuePackets: -1}, []string{"QueuePackets"}},
		{"a queue of negative size", sim.LinkConfig{QueueBytes: -1}, []string{"QueueBytes"}},
		{"an MTU below that of IPv4", sim.LinkConfig{MTU: 67}, []string{"MTU", "68"}},
		{"an MTU below that of IPv6", sim.LinkConfig{MTU: 1279}, []string{"MTU", "1280"}},
		{"an MTU above every packet", sim.LinkConfig{MTU: 65576}, []string{"MTU", "65575"}},
		{"a name with a space", sim.LinkConfig{Name: "a b"}, []string{"name"}},
		{"a bad way back", sim.LinkConfig{Back: &sim.LinkConfig{Loss: 2}}, []string{"back", "Loss"}},
		{"a way back with a name", sim.LinkConfig{Back: &sim.LinkConfig{Name: "x"}}, []string{"Back.Name"}},
		{"a way back from the way back", sim.LinkConfig{Back: &sim.LinkConfig{Back: &sim.LinkConfig{}}}, []string{"Back.Back"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := sim.New(nil)
			a := mustPort(t)(mustNode(t)(n.Node("a")).AddInterface("e", prefixes("10.0.0.1/24")...))
			b := mustPort(t)(mustNode(t)(n.Node("b")).AddInterface("e", prefixes("2001:db8::1/64")...))
			_, err := n.Connect(a, b, &c.lc)
			wrong(t, err, c.words...)
			if _, err := n.Connect(a, b, nil); err != nil {
				t.Errorf("after that, a good link is refused: %v", err)
			}
		})
	}
}

func TestLinksToNowhereAreRefused(t *testing.T) {
	n, other := sim.New(nil), sim.New(nil)
	node := mustNode(t)(n.Node("a"))
	port := func(name string) *sim.Port { return mustPort(t)(node.AddInterface(name)) }
	p, q, r, s := port("p"), port("q"), port("r"), port("s")
	foreign := mustPort(t)(mustNode(t)(other.Node("a")).AddInterface("p"))
	for _, c := range []struct {
		name  string
		a, b  *sim.Port
		words string
	}{
		{"no port", p, nil, "nil"},
		{"itself", p, p, "itself"},
		{"another network", p, foreign, "another network"},
	} {
		_, err := n.Connect(c.a, c.b, nil)
		wrong(t, err, c.words)
	}
	if _, err := n.Connect(p, q, &sim.LinkConfig{Name: "x", MTU: 68}); err != nil {
		t.Fatal(err)
	}
	_, err := n.Connect(p, r, nil)
	wrong(t, err, "connected already", "a:p")
	_, err = n.Connect(r, s, &sim.LinkConfig{Name: "x"})
	wrong(t, err, "link x", "taken")
}

func TestBadNodesAndInterfacesAreRefused(t *testing.T) {
	n := sim.New(nil)
	for _, name := range []string{"", "a b", "a:b", "a/b", "..", "ä", "a\x00", strings.Repeat("x", 64)} {
		_, err := n.Node(name)
		wrong(t, err, "node", "name")
	}
	a := mustNode(t)(n.Node("a"))
	_, err := n.Node("a")
	wrong(t, err, "node a", "taken")

	for _, name := range []string{"", "lo", "eth0:1", strings.Repeat("x", 16)} {
		_, err := a.AddInterface(name)
		wrong(t, err, "interface", "name")
	}
	mustPort(t)(a.AddInterface("eth0", prefixes("10.0.0.1/24", "fe80::1/64")...))
	_, err = a.AddInterface("eth0")
	wrong(t, err, "a:eth0", "taken")
	if _, err := a.AddInterface("eth1", prefixes("fe80::1/64")...); err != nil {
		t.Errorf("the same link-local address on two interfaces is refused: %v", err)
	}
	for name, p := range map[string][]netip.Prefix{
		"no prefix":            {{}},
		"an address again":     prefixes("10.0.0.1/8"),
		"an address twice":     prefixes("10.1.0.1/8", "10.1.0.1/16"),
		"unspecified":          prefixes("0.0.0.0/0"),
		"unspecified IPv6":     prefixes("::/0"),
		"multicast":            prefixes("224.0.0.1/24"),
		"loopback":             prefixes("127.0.0.2/8"),
		"loopback IPv6":        prefixes("::1/128"),
		"a broadcast address":  prefixes("10.2.0.255/24"),
		"the limited one":      prefixes("255.255.255.255/32"),
		"IPv4 in IPv6":         {netip.PrefixFrom(netip.MustParseAddr("::ffff:10.3.0.1"), 120)},
		"more bits than there": {netip.PrefixFrom(netip.MustParseAddr("10.4.0.1"), 33)},
	} {
		_, err := a.AddInterface("bad", p...)
		if wrong(t, err, "a:bad", "prefix"); t.Failed() {
			t.Fatal(name)
		}
	}
	if p := mustPort(t)(a.AddInterface("bad", prefixes("10.5.0.255/31", "10.5.1.0/32")...)); p.Index() != 4 {
		t.Errorf("interfaces that were refused count: index %d", p.Index())
	}
	_, err = a.Open(&sim.OpenConfig{Queue: -1})
	wrong(t, err, "Queue")
}

func TestBadKernelSettingsAreRefused(t *testing.T) {
	n := sim.New(nil)
	a := mustNode(t)(n.Node("a"))
	for _, c := range []struct {
		cfg   sim.KernelConfig
		words []string
	}{
		{sim.KernelConfig{Burst: -1}, []string{"Burst", "negative"}},
		{sim.KernelConfig{Silent: 1 << 15}, []string{"Silent", "not known"}},
		{sim.KernelConfig{AskFor: 10 * 366 * 24 * time.Hour}, []string{"AskFor", "year"}},
	} {
		wrong(t, a.SetKernel(&c.cfg), append(c.words, "node a")...)
	}
	check(t, a.SetKernel(&sim.KernelConfig{PerSecond: math.MaxInt32, Burst: math.MaxInt32}))
	if strconv.IntSize == 32 {
		return // an int has no more
	}
	for _, k := range []int64{math.MaxInt32 + 1, 1e10, math.MaxInt64} {
		wrong(t, a.SetKernel(&sim.KernelConfig{PerSecond: int(k)}), "PerSecond", "more than 2147483647")
		wrong(t, a.SetKernel(&sim.KernelConfig{Burst: int(k)}), "Burst", "more than 2147483647")
		_, err := n.Router("r", &sim.KernelConfig{PerSecond: int(k)})
		wrong(t, err, "node r", "PerSecond")
	}
}

func TestABadEpochIsRefused(t *testing.T) {
	for _, e := range []time.Time{time.Unix(-1, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := sim.New(&sim.Config{Epoch: e}).Node("a")
		wrong(t, err, "Epoch")
	}
	if now := sim.New(nil).Now(); !now.Equal(sim.DefaultEpoch()) {
		t.Errorf("a network starts at %v", now)
	}
	e := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	if now := sim.New(&sim.Config{Epoch: e}).Now(); !now.Equal(e) {
		t.Errorf("a network starts at %v", now)
	}
}

func TestAfterCloseEverythingIsClosed(t *testing.T) {
	for _, live := range []bool{false, true} {
		p := newPair(t, &sim.Config{Live: live}, nil)
		extra := mustPort(t)(p.a.AddInterface("eth1"))
		check(t, p.n.Close())
		check(t, p.n.Close())
		check(t, p.ta.Close())
		var b transport.Batch
		q := p.ta.Queues()[0]
		_, nodeErr := p.n.Node("c")
		_, portErr := p.a.AddInterface("eth2")
		_, openErr := p.a.Open(nil)
		_, linkErr := p.n.Connect(extra, extra, nil)
		_, recvErr := q.Recv(&counter{}, 1)
		_, commitErr := q.Commit(&b, 0)
		_, routeErr := p.ta.Route(addrB, 0)
		for what, err := range map[string]error{
			"Node": nodeErr, "AddInterface": portErr, "Open": openErr, "Connect": linkErr,
			"Recv": recvErr, "Commit": commitErr, "Reserve": q.Reserve(&b, 1), "Wait": q.Wait(time.Time{}),
			"Bind": p.ta.Bind(1), "Unbind": p.ta.Unbind(1), "Route": routeErr,
			"ReceiveForeign": p.ta.ReceiveForeign(true), "Join": p.ta.Join(2, netip.MustParseAddr("224.1.1.1")),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: error %v, want net.ErrClosed", what, err)
			}
		}
		q.Wake()
		p.link.SetUp(false)
	}
}
