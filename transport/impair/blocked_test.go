// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair_test

import (
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"protean/transport"
	"protean/transport/impair"
	"protean/transport/multi"
	"protean/transport/sim"
)

// A door is a transport that has no room to send while it is shut.
type door struct {
	transport.Transport
	shut atomic.Bool
}

func (d *door) Unwrap() transport.Transport { return d.Transport }
func (d *door) Queues() []transport.Queue {
	return []transport.Queue{&doorQueue{d.Transport.Queues()[0], d}}
}

type doorQueue struct {
	transport.Queue
	d *door
}

func (q *doorQueue) Commit(b *transport.Batch, n int) (int, error) {
	if n > 0 && q.d.shut.Load() {
		q.Queue.Commit(b, 0)
		return 0, transport.ErrNoSlots
	}
	return q.Queue.Commit(b, n)
}

func (q *doorQueue) Reserve(b *transport.Batch, n int) error {
	if q.d.shut.Load() {
		return transport.ErrNoSlots
	}
	return q.Queue.Reserve(b, n)
}

func TestWhatFindsNoRoomBelowIsSentLaterInOrder(t *testing.T) {
	for _, out := range []string{"loss 0%", "delay 1ms", "delay 1ms jitter 3ms"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, true)
			below := &door{Transport: p.ta}
			d := decorate(t, below, 1, out, "")
			check(t, p.tb.Bind(proto))
			var want []int
			for i := range 30 {
				below.shut.Store(i >= 10 && i < 20)
				check(t, commit(t, d, packet(false, 60, i)))
				time.Sleep(2 * time.Millisecond)
				want = append(want, i)
			}
			time.Sleep(time.Second)
			got := program{t: p.tb}
			_, err := got.Poll(time.Now())
			check(t, err)
			if !slices.Equal(got.got, want) {
				t.Errorf("%s: arrived %v", out, got.got)
			}
			check(t, d.Close())
		})
	}
}

func TestWithNothingToDoNoRoomIsSaidAtOnce(t *testing.T) {
	p := newPair(t, true)
	below := &door{Transport: p.ta}
	d := decorate(t, below, 1, "", "")
	q := d.Queues()[0]
	var b transport.Batch
	check(t, q.Reserve(&b, 2))
	for i := range b.Slots {
		b.Slots[i].Data = append(b.Slots[i].Data, packet(false, 60, i)...)
	}
	n := len(b.Slots)
	below.shut.Store(true)
	if sent, err := q.Commit(&b, n); sent != 0 || !errors.Is(err, transport.ErrNoSlots) || len(b.Slots) != n {
		t.Errorf("Commit returned %d, %v, and left %d slots of %d", sent, err, len(b.Slots), n)
	}
	below.shut.Store(false)
	if sent, err := q.Commit(&b, n); sent != n || err != nil {
		t.Errorf("then Commit returned %d, %v", sent, err)
	}
	check(t, d.Close())
}

func TestWhatCannotBeSentBeforeCloseIsUnsent(t *testing.T) {
	p := newPair(t, true)
	below := &door{Transport: p.ta}
	d := decorate(t, below, 1, "delay 1h", "")
	for i := range 5 {
		check(t, commit(t, d, packet(false, 60, i)))
	}
	below.shut.Store(true)
	it, _ := transport.As[*impair.Transport](d)
	check(t, d.Close())
	if s := it.Stats(); s.Committed != 5 || s.Sent != 0 || s.Unsent != 5 {
		t.Errorf("%+v", s)
	}
}

// TestWhereEverythingIsLostRecvEnds: a flood of which nothing is left neither
// holds Recv for ever nor is forgotten.
func TestWhereEverythingIsLostRecvEnds(t *testing.T) {
	p := newPair(t, true)
	d := decorate(t, p.ta, 1, "", "loss 100%")
	check(t, d.Bind(proto))
	const n = 3000
	for i := range n {
		check(t, commit(t, p.tb, packet(true, 60, i)))
	}
	it, _ := transport.As[*impair.Transport](d)
	q := d.Queues()[0]
	rounds := 0
	for ; it.Counts().In.Lost < n; rounds++ {
		check(t, q.Wait(time.Time{}))
		if k, err := q.Recv(&sink{}, 64); k != 0 || err != nil {
			t.Fatalf("Recv returned %d, %v", k, err)
		}
	}
	if rounds < 3 {
		t.Errorf("%d packets were taken in %d calls of Recv", n, rounds)
	}
	check(t, d.Close())
}

// TestEveryQueueSendsItsOwn impairs two transports joined into one.
func TestEveryQueueSendsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sim.New(&sim.Config{Live: true})
		a, err := n.Node("a")
		check(t, err)
		b, err := n.Node("b")
		check(t, err)
		var handles [2]*sim.Transport
		for i, net := range []string{"10.0.1.", "10.0.2."} {
			name := "eth" + string(rune('0'+i))
			pa, err := a.AddInterface(name, netip.MustParsePrefix(net+"1/24"))
			check(t, err)
			pb, err := b.AddInterface(name, netip.MustParsePrefix(net+"2/24"))
			check(t, err)
			_, err = n.Connect(pa, pb, nil)
			check(t, err)
			handles[i], err = a.Open(nil)
			check(t, err)
		}
		hb, err := b.Open(nil)
		check(t, err)
		check(t, hb.Bind(proto))
		both, err := multi.New(handles[0], handles[1])
		check(t, err)
		d := decorate(t, both, 1, "delay 1ms duplicate 100%", "delay 1ms")
		if len(d.Queues()) != 2 {
			t.Fatalf("%d queues", len(d.Queues()))
		}
		check(t, d.Bind(proto))
		for i := range 10 {
			data := packet(false, 60, i)
			copy(data[12:], []byte{10, 0, byte(1 + i%2), 1, 10, 0, byte(1 + i%2), 2})
			data[10], data[11] = 0, 0
			q := d.Queues()[i%2]
			var batch transport.Batch
			check(t, q.Reserve(&batch, 1))
			batch.Slots[0].Data = append(batch.Slots[0].Data, data...)
			_, err := q.Commit(&batch, 1)
			check(t, err)
		}
		time.Sleep(10 * time.Millisecond)
		got := program{t: hb}
		_, err = got.Poll(time.Now())
		check(t, err)
		slices.Sort(got.got)
		if want := []int{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9}; !slices.Equal(got.got, want) {
			t.Errorf("b got %v", got.got)
		}
		check(t, d.Close())
		check(t, n.Close())
	})
}
