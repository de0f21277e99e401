// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"testing"
	"time"

	"protean/proto/prototest"
	"protean/transport/sim"
)

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	// Losses and reordering keep the bitmap, the ranges and the timers busy. No
	// application is needed meanwhile: the windows hold what is sent.
	link := sim.LinkConfig{Delay: time.Millisecond, Rate: 100e6, Loss: 0.01, Reorder: 0.01, Duplicate: 0.01}
	tr := newTrial(t, &prototest.Config{Link: link}, content(4<<20, 1), false)
	for range 20 {
		if err := tr.step(); err != nil {
			t.Fatal(err)
		}
	}
	tr.net.Run(t, 100*time.Millisecond)
	before := tr.s.stats.Packets
	allocs := testing.AllocsPerRun(20, func() {
		if err := tr.net.Sim.Run(5 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	})
	sent := tr.s.stats.Packets - before
	if sent < 500 || tr.s.state != sending {
		t.Fatalf("%d packets were sent, sender in state %v: not the steady state", sent, tr.s.state)
	}
	if allocs != 0 {
		t.Errorf("%v allocations per %d packets", allocs, sent/21)
	}
}
