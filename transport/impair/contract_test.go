// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair_test

import (
	"net/netip"
	"testing"

	"protean/transport"
	"protean/transport/impair"
	"protean/transport/sim"
	"protean/transport/transporttest"
)

// A pair is two nodes of a network in memory.
type pair struct {
	n      *sim.Network
	ta, tb *sim.Transport
}

func newPair(tb testing.TB, live bool) *pair {
	tb.Helper()
	p := &pair{n: sim.New(&sim.Config{Live: live})}
	tb.Cleanup(func() { check(tb, p.n.Close()) })
	var ports [2]*sim.Port
	for i, name := range []string{"a", "b"} {
		nd, err := p.n.Node(name)
		check(tb, err)
		last := string(rune('1' + i))
		ports[i], err = nd.AddInterface("eth0", netip.MustParsePrefix("10.0.0."+last+"/24"), netip.MustParsePrefix("2001:db8::"+last+"/64"))
		check(tb, err)
		h, err := nd.Open(nil)
		check(tb, err)
		*[]**sim.Transport{&p.ta, &p.tb}[i] = h
	}
	_, err := p.n.Connect(ports[0], ports[1], nil)
	check(tb, err)
	return p
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// decorate impairs a transport by pipelines as text.
func decorate(tb testing.TB, t transport.Transport, seed uint64, out, in string) transport.Transport {
	tb.Helper()
	d, err := impair.New(t, &impair.Config{Seed: seed, Out: parse(tb, out), In: parse(tb, in)})
	check(tb, err)
	return d
}

func parse(tb testing.TB, text string) impair.Pipeline {
	tb.Helper()
	p, err := impair.Parse(text)
	check(tb, err)
	return p
}

func TestContract(t *testing.T) {
	for _, c := range []struct {
		name, out, in string
		wrap          func(transport.Transport) transport.Transport
	}{
		{name: "with everything off"},
		{
			name: "with stages that do nothing, poisoned", wrap: transporttest.Poison,
			out: "loss 0% corrupt 0% rate 100gbit limit 1000p mtu 65535 allow 1,58,253,254", in: "loss 0% duplicate 0%",
		},
		{name: "with short delays", out: "delay 50us", in: "delay 100us"},
	} {
		t.Run(c.name, func(t *testing.T) {
			transporttest.Run(t, transporttest.Config{Make: func(tb testing.TB) transporttest.Pair {
				p := newPair(tb, true)
				d := decorate(tb, p.ta, 1, c.out, c.in)
				if c.wrap != nil {
					d = c.wrap(d)
				}
				return transporttest.Pair{
					A: transporttest.Endpoint{Transport: d, Addr4: netip.MustParseAddr("10.0.0.1"), Addr6: netip.MustParseAddr("2001:db8::1"), IfIndex: 2},
					B: transporttest.Endpoint{Transport: p.tb, Addr4: netip.MustParseAddr("10.0.0.2"), Addr6: netip.MustParseAddr("2001:db8::2"), IfIndex: 2},
				}
			}})
		})
	}
}
