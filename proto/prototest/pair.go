// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/transport/impair"
	"protean/transport/sim"
)

// Config holds the options of a network. The zero value of each field is its
// default.
type Config struct {
	Link sim.LinkConfig // the link between the hosts; default: perfect
	Seed uint64         // of the network and the hosts; 0: 1, or PROTEAN_SEED
	Host proto.Config   // options of both hosts; their Seed is derived from Seed

	Filter   impair.Filter    // which of the links' faults may strike; nil: all
	Recorder *impair.Recorder // takes those that strike, if not nil

	made func(n *sim.Network) // is called with a network that was made
}

// A Net is two hosts, A and B, with a link between them.
type Net struct {
	Sim  *sim.Network
	Link *sim.Link
	A, B *Peer
	Seed uint64

	driver driver
	start  time.Time
}

// A driver is how the time of a network passes.
type driver uint8

const (
	stepped driver = iota
	bubbled
	live
)

// A Peer is one host of a Net.
type Peer struct {
	*proto.Host
	T            *sim.Transport
	Node         *sim.Node
	Addr4, Addr6 netip.Addr

	net *Net
}

// Pair returns a stepped network of two hosts, which ends with the test. cfg
// may be nil.
func Pair(tb testing.TB, cfg *Config) *Net {
	tb.Helper()
	n := build(tb, cfg, stepped)
	for _, p := range []*Peer{n.A, n.B} {
		if err := n.Sim.Attach(p.T, p.Host); err != nil {
			tb.Fatal(err)
		}
	}
	return n
}

// LivePair returns a network of two hosts in real time, with Run running for
// both of them until the test ends. cfg may be nil.
func LivePair(tb testing.TB, cfg *Config) *Net {
	tb.Helper()
	n := build(tb, cfg, live)
	n.run(tb, n.A)
	n.run(tb, n.B)
	return n
}

// BubblePair is LivePair in a testing/synctest bubble, with the order of all
// that happens at one instant the same in every run. cfg may be nil.
func BubblePair(tb testing.TB, cfg *Config) *Net {
	tb.Helper()
	n := build(tb, cfg, bubbled)
	n.run(tb, n.A)
	time.Sleep(time.Microsecond) // their timers are not to be due at one instant
	n.run(tb, n.B)
	return n
}

// run has a host running until the test ends.
func (n *Net) run(tb testing.TB, p *Peer) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Host.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Host.Run: %v", err)
		}
	})
}

func build(tb testing.TB, cfg *Config, d driver) *Net {
	tb.Helper()
	if cfg == nil {
		cfg = &Config{}
	}
	n := &Net{Seed: seed(tb, cfg.Seed), driver: d}
	sc := &sim.Config{Seed: n.Seed, Live: d != stepped, Filter: cfg.Filter, Recorder: cfg.Recorder}
	if d == bubbled {
		sc.Barrier = synctest.Wait
		sc.Report = func(err error) { tb.Error(err) }
	}
	n.Sim = sim.New(sc)
	n.start = n.Sim.Now()
	if cfg.made != nil {
		cfg.made(n.Sim)
	}
	Watch(tb, n.Sim, n.Seed)
	tb.Cleanup(func() {
		if err := n.Sim.Close(); err != nil {
			tb.Error(err)
		}
	})
	var a, b *sim.Port
	n.A, a = addPeer(tb, n, cfg, "a", 1)
	n.B, b = addPeer(tb, n, cfg, "b", 2)
	link, err := n.Sim.Connect(a, b, &cfg.Link)
	if err != nil {
		tb.Fatal(err)
	}
	n.Link = link
	open(tb, n.A, n, cfg, 1)
	open(tb, n.B, n, cfg, 2)
	return n
}

func addPeer(tb testing.TB, n *Net, cfg *Config, name string, i byte) (*Peer, *sim.Port) {
	tb.Helper()
	node, err := n.Sim.Node(name)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Peer{net: n, Node: node, Addr4: netip.AddrFrom4([4]byte{10, 0, 0, i})}
	prefixes := []netip.Prefix{netip.PrefixFrom(p.Addr4, 24)}
	if cfg.Link.MTU == 0 || cfg.Link.MTU >= 1280 { // RFC 8200, section 5
		p.Addr6 = netip.AddrFrom16([16]byte{0: 0xfd, 15: i})
		prefixes = append(prefixes, netip.PrefixFrom(p.Addr6, 64))
	}
	port, err := node.AddInterface("eth0", prefixes...)
	if err != nil {
		tb.Fatal(err)
	}
	return p, port
}

func open(tb testing.TB, p *Peer, n *Net, cfg *Config, i uint64) {
	tb.Helper()
	t, err := p.Node.Open(nil)
	if err != nil {
		tb.Fatal(err)
	}
	hc := cfg.Host
	hc.Seed = n.Seed*4 + i
	p.T = t
	if p.Host, err = proto.NewHost(t, &hc); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := t.Close(); err != nil {
			tb.Error(err)
		}
	})
}

// Run lets a stepped network run for d of virtual time.
func (n *Net) Run(tb testing.TB, d time.Duration) {
	tb.Helper()
	if err := n.Sim.Run(d); err != nil {
		tb.Fatal(err)
	}
}

// RunUntil lets a stepped network run until cond is true, and fails the test
// if that has not come about within limit of virtual time.
func (n *Net) RunUntil(tb testing.TB, limit time.Duration, cond func() bool) {
	tb.Helper()
	if err := n.Sim.RunUntil(cond, limit); err != nil {
		tb.Fatal(err)
	}
}
