// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"protean/transport/sim"
)

// burst sends 20 of each of several packets, and returns how many of each were
// answered, the last again a little more than a second later. It reports whether
// it was slow, so that tokens came meanwhile.
func burst(t *testing.T, r *rig) (counts []int, slow bool) {
	start := time.Now()
	for _, v6 := range []bool{false, true} {
		src, dst := r.src(v6), r.dst(v6)
		nowhere := map[bool]netip.Addr{false: addr("192.0.2.1"), true: addr("2001:db8::1")}[v6]
		for _, b := range [][]byte{
			udp(src, nowhere, 32),     // the first router sends the errors,
			ttl(udp(src, dst, 32), 1), // and has nothing left for these
			ttl(udp(src, dst, 32), 2), // the second router
			udp(src, dst, 32),         // the last host
			ttl(udp(src, dst, 32), 3), // the third router
			dontFragment(udp(src, dst, 1450)),
			echoRequest(src, segment(v6, 1, 2), 5, 5, 0),
		} {
			for range 19 {
				check(t, send(t, r.t, bytes.Clone(b)))
			}
			counts = append(counts, len(r.ask(t, b)))
		}
	}
	slow = time.Since(start) > 900*time.Millisecond
	time.Sleep(1100 * time.Millisecond) // since its last burst, which may be the last of all
	b := ttl(udp(r.src(true), r.dst(true), 32), 3)
	for range 3 {
		check(t, send(t, r.t, bytes.Clone(b)))
	}
	return append(counts, len(r.ask(t, b))), slow || time.Since(start) > 1900*time.Millisecond
}

func TestRateLimitsAreThoseOfTheKernel(t *testing.T) {
	t.Parallel() // it waits, most of the time
	sysctls := [][2]string{
		{"net.ipv4.icmp_ratelimit", "1000"}, {"net.ipv4.icmp_ratemask", "6168"},
		{"net.ipv6.icmp.ratelimit", "1000"}, {"net.ipv6.icmp.ratemask", "0-1,3-127"},
	}
	want := []int{
		2, 0, 6, 6, 6, 20, 20,
		6, 0, 6, 6, 6, 20, 20,
		1, // one more a second
	}
	for _, rig := range []struct {
		name string
		make func() *rig
	}{
		{"kernel", func() *rig { return kernelRigWith(t, sysctls) }},
		{"sim", func() *rig { return simRigWith(t, &sim.KernelConfig{Interval6: time.Second}) }},
	} {
		for range 5 {
			counts, slow := burst(t, rig.make())
			if slow && !slices.Equal(counts, want) {
				continue
			}
			if !slices.Equal(counts, want) {
				t.Errorf("%s: answered %v, want %v", rig.name, counts, want)
			}
			break
		}
	}
}

func TestErrorsAreLimitedPerDestinationAndInAll(t *testing.T) {
	c := newChain(t, nil, nil, 1, nil)
	check(t, c.ta.ReceiveForeign(true))
	errors := func(n, sources int) int {
		t.Helper()
		for range n {
			for i := range sources {
				check(t, send(t, c.ta, ttl(udp(seg4(1, 100+i).Addr(), c.dst4(), 10), 1)))
			}
		}
		check(t, c.n.Run(20*time.Millisecond))
		return len(packets(receive(t, c.ta)))
	}
	pass := func(d time.Duration) { t.Helper(); check(t, c.n.Run(d)) }
	for _, test := range []struct {
		wait       time.Duration
		n, sources int
		want       int
	}{
		{0, 20, 1, 6},
		{900 * time.Millisecond, 20, 1, 0},
		{100 * time.Millisecond, 20, 1, 1},
		{time.Hour, 20, 1, 6},
		{time.Hour, 1, 100, 50},
		{10 * time.Millisecond, 1, 100, 30}, // a token a millisecond, since 30 ms ago
		{10 * time.Second, 1, 100, 50},
	} {
		pass(test.wait)
		if got := errors(test.n, test.sources); got != test.want {
			t.Errorf("after %v, %d of %d sources: %d errors, want %d", test.wait, test.n, test.sources, got, test.want)
		}
	}
	s := c.routers[0].Stats()
	if s.Errors+s.Limited != s.Dropped.Total() || s.Limited == 0 {
		t.Errorf("%+v", s)
	}
}
