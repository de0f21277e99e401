// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"testing"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

func TestNothingIsAllocatedPerPacket(t *testing.T) {
	for name, lc := range map[string]*sim.LinkConfig{
		"without faults":    {Delay: time.Millisecond},
		"with all but loss": {Delay: time.Millisecond, Jitter: time.Millisecond, Reorder: 0.3, Rate: 1e9},
	} {
		p := newPair(t, nil, lc)
		attach(t, p.n, p.tb, nil)
		x := attach(t, p.n, p.ta, nil)
		for range 32 {
			check(t, send(t, p.ta, ip4(addrA, addrB, 200)))
		}
		run(t, p, x, 5000)
		goal := x.seen
		reached := func() bool { return x.seen >= goal }
		n := testing.AllocsPerRun(20, func() {
			goal += 500
			check(t, p.n.RunUntil(reached, time.Hour))
		})
		if n != 0 {
			t.Errorf("%s: %v allocations for 1000 packets", name, n)
		}
	}
}

func TestNothingIsAllocatedPerPacketForwarded(t *testing.T) {
	c := newChain(t, nil, &sim.KernelConfig{Interval: -1, PerSecond: -1}, 3, rigMTU)
	var seen counter
	var b transport.Batch
	whole, cut, dying := ip4(c.src4(), c.dst4(), 200), ip4(c.src4(), c.dst4(), 1450), ip4(c.src4(), c.dst4(), 100)
	dying[8] = 2
	queues := []transport.Queue{c.ta.Queues()[0], c.tb.Queues()[0]}
	once := func() {
		for _, data := range [][]byte{whole, cut, dying} {
			if err := queues[0].Reserve(&b, 1); err != nil {
				t.Fatal(err)
			}
			b.Slots[0].Data = append(b.Slots[0].Data, data...)
			if _, err := queues[0].Commit(&b, 1); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.n.Run(20 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for _, q := range queues {
			if _, err := q.Recv(&seen, 100); err != nil {
				t.Fatal(err)
			}
		}
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations for a packet, one that is cut, and one that is answered", n)
	}
	// The one in the middle is cut by the first router, and its first fragment
	// again by the second.
	if seen.packets != 102*(1+3+1) {
		t.Errorf("%d packets received", seen.packets)
	}
}

func TestNothingIsAllocatedPerPacketLive(t *testing.T) {
	p := newPair(t, &sim.Config{Live: true}, nil)
	qa, qb := p.ta.Queues()[0], p.tb.Queues()[0]
	data := ip4(addrA, addrB, 200)
	var b transport.Batch
	var seen counter
	once := func() {
		for range 100 {
			if err := qa.Reserve(&b, 1); err != nil {
				t.Fatal(err)
			}
			b.Slots[0].Data = append(b.Slots[0].Data, data...)
			if _, err := qa.Commit(&b, 1); err != nil {
				t.Fatal(err)
			}
			if err := qb.Wait(time.Time{}); err != nil {
				t.Fatal(err)
			}
			if _, err := qb.Recv(&seen, 10); err != nil {
				t.Fatal(err)
			}
			if err := qb.Wait(p.n.Now().Add(time.Microsecond)); err != nil {
				t.Fatal(err)
			}
		}
	}
	once()
	if n := testing.AllocsPerRun(10, once); n != 0 {
		t.Errorf("%v allocations for 100 packets", n)
	}
	if seen.packets != 12*100 {
		t.Errorf("%d packets received", seen.packets)
	}
}

// A counter counts.
type counter struct{ packets, events int }

func (c *counter) Deliver(*transport.Packet) { c.packets++ }
func (c *counter) Event(*transport.Event)    { c.events++ }
