// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"protean/transport"
	"protean/transport/impair"
)

// receiver receives until its transport is closed.
type receiver struct {
	mu sync.Mutex
	program
}

func (r *receiver) run(t transport.Transport, start time.Time) {
	q := t.Queues()[0]
	for {
		r.mu.Lock()
		r.start, r.now = start, time.Now()
		_, err := q.Recv(r, 64)
		r.mu.Unlock()
		if err == nil {
			err = q.Wait(time.Time{})
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			panic(err)
		}
	}
}

func TestInABubblePacketsTakeExactlyTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, true)
		d := decorate(t, p.ta, 1, "delay 3ms", "delay 5ms")
		check(t, d.Bind(proto))
		check(t, p.tb.Bind(proto))
		var a, b receiver
		var done sync.WaitGroup
		start := time.Now()
		done.Go(func() { a.run(d, start) })
		done.Go(func() { b.run(p.tb, start) })
		for i := range 10 {
			check(t, commit(t, d, packet(false, 60, i)))
			check(t, commit(t, p.tb, packet(true, 60, i)))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		for i := range 10 {
			a.mu.Lock()
			if a.got[i] != i || a.at[i] != time.Duration(5+i)*time.Millisecond {
				t.Errorf("packet %d in place %d came in after %v", a.got[i], i, a.at[i])
			}
			a.mu.Unlock()
			b.mu.Lock()
			if b.got[i] != i || b.at[i] != time.Duration(3+i)*time.Millisecond {
				t.Errorf("packet %d in place %d went out after %v", b.got[i], i, b.at[i])
			}
			b.mu.Unlock()
		}
		check(t, d.Close())
		check(t, p.tb.Close())
		done.Wait()
	})
}

func TestNobodyHasToWaitForPacketsToBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, true)
		d := decorate(t, p.ta, 1, "delay 3ms", "")
		check(t, p.tb.Bind(proto))
		check(t, commit(t, d, packet(false, 60, 1)))
		time.Sleep(4 * time.Millisecond)
		var got program
		got.t = p.tb
		if _, err := got.Poll(time.Now()); err != nil || len(got.got) != 1 {
			t.Errorf("after 4 ms, %d packets were sent, %v", len(got.got), err)
		}
		check(t, d.Close())
	})
}

func TestCloseSendsWhatIsUnderWayInItsOrder(t *testing.T) {
	p := newPair(t, true)
	d := decorate(t, p.ta, 1, "delay 10s rate 10kbit", "delay 10s")
	check(t, d.Bind(proto))
	check(t, p.tb.Bind(proto))
	for i := range 20 {
		check(t, commit(t, d, packet(false, 60, i)))
		check(t, commit(t, p.tb, packet(true, 60, i)))
	}
	var a program
	a.t = d
	if _, err := a.Poll(time.Now()); err != nil || len(a.got) != 0 {
		t.Errorf("%d packets came in at once, %v", len(a.got), err)
	}
	it, _ := transport.As[*impair.Transport](d)
	check(t, d.Close())
	check(t, d.Close())
	got := program{t: p.tb}
	if _, err := got.Poll(time.Now()); err != nil || len(got.got) != 20 {
		t.Fatalf("%d of 20 packets were sent, %v", len(got.got), err)
	}
	for i, k := range got.got {
		if k != i {
			t.Errorf("packet %d is in place %d", k, i)
		}
	}
	s := it.Stats()
	if s.Committed != 20 || s.Sent != 20 || s.Unsent != 0 || s.Received != 20 || s.Dropped[transport.Closed] != 20 || s.Delivered != 0 {
		t.Errorf("%+v", s)
	}
	if c := it.Counts(); c.Out.InFlight != 0 || c.In.InFlight != 0 || c.In.Cleared != 20 {
		t.Errorf("%+v", c)
	}
}

// sink counts.
type sink struct{ packets, events int }

func (s *sink) Deliver(*transport.Packet) { s.packets++ }
func (s *sink) Event(*transport.Event)    { s.events++ }

func TestNothingIsAllocatedPerPacket(t *testing.T) {
	for _, c := range []struct{ name, out, in string }{
		{"with everything off", "", ""},
		{"without delay", "loss 0% corrupt 100% bits 4 bleach tos allow 253", "duplicate 100% gemodel 1% 99% 0%"},
		{"with delays", "delay 5us jitter 5us rate 1gbit", "delay 5us reorder 50% distance 1 duplicate 50%"},
		{"with a managed queue and a translator", "rate 1gbit codel ecn masquerade 192.0.2.1", "denat reorder 50% hold 1us"},
	} {
		p := newPair(t, true)
		d := decorate(t, p.ta, 1, c.out, c.in)
		check(t, d.Bind(proto))
		check(t, p.tb.Bind(proto))
		qa, qb := d.Queues()[0], p.tb.Queues()[0]
		forth, back := packet(false, 200, 1), packet(true, 200, 1)
		if c.name == "with a managed queue and a translator" {
			copy(back[16:], []byte{192, 0, 2, 1})
			check(t, p.ta.ReceiveForeign(true))
			back[10], back[11] = 0, 0
		}
		var batch transport.Batch
		send := func(q transport.Queue, data []byte) {
			for q.Reserve(&batch, 1) != nil {
				check(t, q.Wait(time.Now().Add(100*time.Microsecond)))
			}
			batch.Slots[0].Data = append(batch.Slots[0].Data, data...)
			_, err := q.Commit(&batch, 1)
			check(t, err)
		}
		var a, b sink
		turn := func() {
			goal := a.packets + 100
			for a.packets < goal {
				send(qa, forth)
				send(qb, back)
				for _, q := range []struct {
					transport.Queue
					s *sink
				}{{qa, &a}, {qb, &b}} {
					check(t, q.Wait(time.Now().Add(20*time.Microsecond)))
					_, err := q.Recv(q.s, 100)
					check(t, err)
				}
			}
		}
		for range 50 {
			turn()
		}
		if n := testing.AllocsPerRun(20, turn); n > 0.5 {
			t.Errorf("%s: %v allocations for 100 packets each way", c.name, n)
		}
		if b.packets == 0 {
			t.Errorf("%s: nothing arrived", c.name)
		}
		check(t, d.Close())
	}
}

// BenchmarkDecorator is one packet each way through the decorator.
func BenchmarkDecorator(b *testing.B) {
	for _, c := range []struct{ name, out, in string }{
		{"off", "", ""}, {"loss", "loss 1%", "loss 1%"}, {"all", "loss 1% duplicate 1% corrupt 1% mtu 1500", "loss 1% duplicate 1% corrupt 1% mtu 1500"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := newPair(b, true)
			d := decorate(b, p.ta, 1, c.out, c.in)
			check(b, d.Bind(proto))
			check(b, p.tb.Bind(proto))
			var batch transport.Batch
			var s sink
			forth, back := packet(false, 60, 1), packet(true, 60, 1)
			qa, qb := d.Queues()[0], p.tb.Queues()[0]
			b.ReportAllocs()
			for b.Loop() {
				for _, x := range []struct {
					from, to transport.Queue
					data     []byte
				}{{qa, qb, forth}, {qb, qa, back}} {
					check(b, x.from.Reserve(&batch, 1))
					batch.Slots[0].Data = append(batch.Slots[0].Data, x.data...)
					_, err := x.from.Commit(&batch, 1)
					check(b, err)
					_, err = x.to.Recv(&s, 10)
					check(b, err)
				}
			}
		})
	}
}
