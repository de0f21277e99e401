// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"testing"
	"time"

	"protean/transport"
	"protean/transport/netlab"
)

// counter is a sink that only counts.
type counter struct{ n, events int }

func (c *counter) Deliver(p *transport.Packet) { c.n++ }
func (c *counter) Event(*transport.Event)      { c.events++ }

// A loop sends batches to itself over the loopback interface.
type loop struct {
	t     testing.TB
	q     transport.Queue
	b     transport.Batch
	c     counter
	frame []byte
	n     int
	stamp bool
}

func newLoop(t testing.TB, n *netlab.Node, cfg Config, v6 bool, batch, size int) *loop {
	tr := open(t, n, cfg)
	bind(t, tr, 253)
	h := between(n, n, v6)
	return &loop{t: t, q: tr.Queues()[0], frame: packet(h, pattern(size)), n: batch}
}

func (l *loop) send() {
	if err := l.q.Reserve(&l.b, l.n); err != nil {
		l.t.Fatal(err)
	}
	for i := range l.b.Slots {
		l.b.Slots[i].Data = append(l.b.Slots[i].Data, l.frame...)
		l.b.Slots[i].Stamp = l.stamp
	}
	if n, err := l.q.Commit(&l.b, l.n); n != l.n {
		l.t.Fatalf("%d of %d sent: %v", n, l.n, err)
	}
}

func (l *loop) receive() {
	for l.c.n = 0; l.c.n < l.n; {
		if err := l.q.Wait(time.Now().Add(10 * time.Second)); err != nil {
			l.t.Fatal(err)
		}
		// What is woken up for may be for others, and dropped.
		if _, err := l.q.Recv(&l.c, 64); err != nil {
			l.t.Fatalf("after %d packets: %v", l.c.n, err)
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	for _, mode := range []Header{Included, Kernel} {
		families(t, func(t *testing.T, v6 bool) {
			l := newLoop(t, lab.Node("a"), Config{Header: mode}, v6, 32, 100)
			l.send()
			l.receive()
			if n := testing.AllocsPerRun(100, func() { l.send(); l.receive() }); n != 0 {
				t.Errorf("header mode %d: %v allocations for 32 packets sent and received", mode, n)
			}
		})
	}
}

func TestStampsAllocateNothing(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	for _, mode := range []Header{Included, Kernel} {
		families(t, func(t *testing.T, v6 bool) {
			l := newLoop(t, lab.Node("a"), Config{Header: mode}, v6, 32, 100)
			l.stamp = true
			l.send()
			l.receive()
			if n := testing.AllocsPerRun(100, func() { l.send(); l.receive() }); n != 0 {
				t.Errorf("header mode %d: %v allocations for 32 packets stamped", mode, n)
			}
			if l.c.events < 100*32 {
				t.Errorf("header mode %d: %d stamps came", mode, l.c.events)
			}
		})
	}
}

func TestWaitingAllocatesNothing(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	q := open(t, lab.Node("a"), Config{}).Queues()[0]
	wait := func() {
		if err := q.Wait(time.Now().Add(100 * time.Microsecond)); err != nil {
			t.Error(err)
		}
	}
	wait()
	if n := testing.AllocsPerRun(100, wait); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
