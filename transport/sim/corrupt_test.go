// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"testing"
	"time"

	"protean/transport"
	"protean/transport/impair"
	"protean/transport/sim"
)

// Links that damage every other packet, anywhere in it, lead to routers that
// must not stumble over what arrives, nor pass on more than its header says.
func TestRoutersStandDamagedPackets(t *testing.T) {
	k := &sim.KernelConfig{Interval: -1, Interval6: -1, PerSecond: -1, AskFor: -1}
	c := newChain(t, nil, k, rigRouters, rigMTU)
	check(t, c.b.SetKernel(k))
	for i, l := range c.links {
		check(t, l.Set(&sim.LinkConfig{MTU: rigMTU(i + 1), Pipeline: impair.Pipeline{impair.Corrupt{P: 0.5, Bits: 3, Part: impair.Anywhere}}}))
	}
	src6, dst6 := c.src6(), c.dst6()
	all := [][]byte{
		udp(c.src4(), c.dst4(), 30), udp(c.src4(), c.dst4(), 1450), options(c.src4(), c.dst4(), 1, 7, 3, 4),
		udp(src6, dst6, 30), udp(src6, dst6, 1300), extension(src6, dst6, 0, 2), extension(src6, dst6, 60, 3),
		echoRequest(src6, dst6, 1, 1, 50), echoRequest(c.src4(), c.dst4(), 1, 1, 50),
	}
	arrived := 0
	for range 300 {
		for _, b := range all {
			check(t, send(t, c.ta, b))
		}
		check(t, c.n.Run(20*time.Millisecond))
		arrived += len(packets(receive(t, c.tb)))
		receive(t, c.ta)
	}
	if arrived < 500 {
		t.Errorf("%d packets arrived", arrived)
	}
	var dropped transport.Drops
	for _, r := range c.routers {
		s := r.Stats()
		if s.Forwarded > s.Received || s.Forwarded+s.Dropped.Total() < s.Received {
			t.Errorf("%s: %+v", r.Name(), s)
		}
		for i := range dropped {
			dropped[i] += s.Dropped[i]
		}
	}
	for _, r := range []transport.DropReason{transport.Malformed, transport.NoRoute} {
		if dropped[r] == 0 {
			t.Errorf("nothing was dropped as %v", r)
		}
	}
}
