// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"protean/proto"
	"protean/transport/impair"
	"protean/transport/sim"
)

// Config holds the options of a network. The zero value of each field is its
// default.
type Config struct {
	Link   sim.LinkConfig    // the links between the nodes; default: perfect
	Seed   uint64            // of the network and the hosts; 0: 1, or PROTEAN_SEED
	Host   proto.Config      // options of the hosts; their Seed is derived from Seed
	Kernel *sim.KernelConfig // options of the routers; may be nil

	Filter   impair.Filter    // which of the links' faults may strike; nil: all
	Recorder *impair.Recorder // takes those that strike, if not nil

	made func(n *sim.Network) // is called with a network that was made
}

// A Net is hosts on a network. Those of a pair are A and B.
type Net struct {
	Sim   *sim.Network
	Hosts []*Peer     // in the order in which they were named
	Links []NamedLink // as well
	Seed  uint64

	A, B *Peer     // of a pair
	Link *sim.Link // of a pair

	driver driver
	start  time.Time
	tb     testing.TB
	cfg    Config
	links  int
}

// A NamedLink is a link and the nodes that it connects.
type NamedLink struct {
	*sim.Link
	A, B string
}

// A driver is how the time of a network passes.
type driver uint8

const (
	stepped driver = iota
	bubbled
	live
)

// Pair returns a stepped network of two hosts, which ends with the test. cfg
// may be nil.
func Pair(tb testing.TB, cfg *Config) *Net {
	tb.Helper()
	return pair(tb, cfg, stepped)
}

// LivePair returns a network of two hosts in real time, with Run running for
// both of them until the test ends. cfg may be nil.
func LivePair(tb testing.TB, cfg *Config) *Net {
	tb.Helper()
	return pair(tb, cfg, live)
}

// BubblePair is LivePair in a testing/synctest bubble, with the order of all
// that happens at one instant the same in every run. cfg may be nil.
func BubblePair(tb testing.TB, cfg *Config) *Net {
	tb.Helper()
	return pair(tb, cfg, bubbled)
}

func pair(tb testing.TB, cfg *Config, d driver) *Net {
	tb.Helper()
	n := build(tb, "a - b", cfg, d)
	n.A, n.B, n.Link = n.Hosts[0], n.Hosts[1], n.Links[0].Link
	return n
}

// Host returns the host of this name. It panics if there is none.
func (n *Net) Host(name string) *Peer {
	var names []string
	for _, h := range n.Hosts {
		if h.Node.Name() == name {
			return h
		}
		names = append(names, h.Node.Name())
	}
	panic(fmt.Sprintf("prototest: there is no host %q, but %s", name, strings.Join(names, ", ")))
}

// LinkOf returns the link between two nodes, also if they are given the other
// way round. It panics if there is none; if there are several, it is the first.
func (n *Net) LinkOf(a, b string) *sim.Link {
	for _, l := range n.Links {
		if l.A == a && l.B == b || l.A == b && l.B == a {
			return l.Link
		}
	}
	panic(fmt.Sprintf("prototest: there is no link between %q and %q", a, b))
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
