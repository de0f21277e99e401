// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"testing"
	"time"

	"protean/transport"
)

// A subtest is one sentence of the contract.
type subtest struct {
	name string

	// unless says from the Caps of the transport under test why it is not
	// asked for; "" means that it is. nil means that it always is.
	unless func(c *transport.Caps) string

	run func(x *trial)
}

// Run tests that the transports made by cfg.Make keep the contract of package
// transport. Subtests are named by what they demand, those that send packets
// below IPv4 and IPv6.
func Run(t *testing.T, cfg Config) {
	if cfg.Watchdog <= 0 {
		cfg.Watchdog = 10 * time.Second
	}
	if cfg.Window <= 0 {
		cfg.Window = 32
	}
	caps, both4, both6 := inspect(t, cfg)

	runAll(t, cfg, caps, false, generalTests())
	for _, family := range []struct {
		name    string
		v6      bool
		carried bool
	}{{"IPv4", false, both4}, {"IPv6", true, both6}} {
		if !family.carried {
			t.Logf("%s is left out: not both transports carry it", family.name)
			continue
		}
		t.Run(family.name, func(t *testing.T) {
			runAll(t, cfg, caps, family.v6, packetTests())
		})
	}
}

// inspect makes a pair to see what applies, and refuses what cannot be tested.
// Making one pair outside of all subtests also lets whatever Make sets up only
// once come into being before goroutines are counted.
func inspect(t *testing.T, cfg Config) (caps transport.Caps, both4, both6 bool) {
	t.Helper()
	pair := cfg.Make(t)
	a, b := pair.A.Transport.Caps(), pair.B.Transport.Caps()
	x := &trial{tb: t, cfg: cfg, a: pair.A, b: pair.B}
	x.watch("closing transports that were never used", x.closeBoth)
	if t.Failed() {
		t.FailNow()
	}
	both4, both6 = a.V4 && b.V4, a.V6 && b.V6
	switch {
	case a.Stepped || b.Stepped:
		t.Fatal("a transport driven step by step cannot wait; the suite takes live ones")
	case b.SendOnly:
		t.Fatal("the peer, B, only sends: nobody can see what arrives")
	case !both4 && !both6:
		t.Fatal("the transports have no family in common")
	case both4 && !(pair.A.Addr4.Is4() && pair.B.Addr4.Is4()):
		t.Fatal("both transports carry IPv4, but Addr4 is not given")
	case both6 && !(pair.A.Addr6.Is6() && pair.B.Addr6.Is6()):
		t.Fatal("both transports carry IPv6, but Addr6 is not given")
	}
	return a, both4, both6
}

func runAll(t *testing.T, cfg Config, caps transport.Caps, v6 bool, tests []subtest) {
	for _, s := range tests {
		if s.unless != nil {
			if why := s.unless(&caps); why != "" {
				t.Logf("%q is left out: %s", s.name, why)
				continue
			}
		}
		t.Run(s.name, func(t *testing.T) { try(t, cfg, v6, s.run) })
	}
}

// packetTests are run for each family.
func packetTests() []subtest {
	var all []subtest
	for _, some := range [][]subtest{
		deliveryTests(), limitTests(), bindTests(), waitTests(), reserveTests(),
		commitTests(), sizeTests(), eventTests(), reentryTests(), panicTests(),
		statsTests(), closeTests(),
	} {
		all = append(all, some...)
	}
	return all
}

// unlessReceiving leaves a subtest out that has the transport receive.
func unlessReceiving(c *transport.Caps) string {
	if c.SendOnly {
		return "Caps.SendOnly: the transport does not receive"
	}
	return ""
}
