// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/netlab"
)

// commitLarge commits a numbered packet of a kilobyte, and has nothing else tried: the
// ring gets ahead of a slow device.
func (r *ringRig) commitLarge() {
	r.t.Helper()
	var b transport.Batch
	r.reserve(&b, 1)
	p := make([]byte, 1000)
	binary.BigEndian.PutUint32(p, r.n)
	b.Slots[0].Data = append(b.Slots[0].Data, between(r.a, r.b, false, p)...)
	r.n++
	if sent, err := r.q.Commit(&b, 1); sent != 1 || err != nil {
		r.t.Fatalf("Commit: %d, %v", sent, err)
	}
}

// left reports whether packets wait in the ring, and whether the timer may be running.
func (r *ringRig) left() (waiting, later bool) {
	s := &r.tx.ring
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tx.Waiting(), s.later
}

// fill has the device have no room for what is committed, which is not given up,
// however long that takes.
func (r *ringRig) fill() {
	setQueue(r.t, r.a, 0)
	s := &r.tx.ring
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full.since = time.Now().Add(time.Hour)
	s.full.sent, _ = s.tx.Sent()
}

// The device is full while packets are committed, and nobody waits or receives.
func TestARingIsEmptiedThoughNobodyWaits(t *testing.T) {
	r := newRingRig(t)
	r.fill()
	for range 30 {
		r.commitLarge()
	}
	if waiting, later := r.left(); !waiting || !later {
		t.Errorf("packets wait: %v, and the timer is running: %v", waiting, later)
	}
	setQueue(t, r.a, 1000)
	r.arrived()
	if waiting, later := r.left(); waiting || later {
		t.Errorf("after all have come, packets wait: %v, and the timer is running: %v", waiting, later)
	}
}

// The link goes down between a Commit and the kernel's look at the ring, and comes up
// again, and nobody waits or receives.
func TestARingGoesOnWhenTheLinkIsUpThoughNobodyWaits(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{TxRing: true, Queues: 2}), open(t, b, Config{V4: true}, 253)
	if err := a.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	for _, q := range ta.queues {
		leaveInRing(t, q, a, b)
	}
	time.Sleep(2 * tryDownAfter) // so that it is in vain, too
	if err := a.SetLink("eth0", true); err != nil {
		t.Fatal(err)
	}
	receive(t, tb, 2)
}

// Close ends the timer, whether packets are left or not.
func TestCloseEndsARingsTimer(t *testing.T) {
	r := newRingRig(t)
	r.fill()
	for range 10 {
		r.commitLarge()
	}
	s := &r.tx.ring
	s.mu.Lock()
	if s.timer == nil {
		t.Fatal("the timer was not needed")
	}
	s.timer.Reset(time.Hour) // or it would be over before Close is
	s.mu.Unlock()
	r.ta.Close()
	if s.timer.Stop() {
		t.Error("the timer runs on")
	}
	if s := r.ta.Stats(); s.Unsent == 0 || s.Sent+s.Unsent != 11 {
		t.Errorf("%d sent, %d unsent", s.Sent, s.Unsent)
	}
}

// Each of many queues has packets in its ring that the device has no room for, and one
// that waits for a neighbour that does not answer.
func TestCloseWaitsForASecondWhateverTheQueues(t *testing.T) {
	const queues = 16
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{V4: true, TxRing: true, Queues: queues}), open(t, b, Config{V4: true}, 253)
	mustSend(t, ta, between(a, b, false, nil))
	receive(t, tb, 1) // so the neighbour is known
	setQueue(t, a, 0)
	nobody := b.Addr4().Next().Next()
	for _, q := range ta.Queues() {
		var batch transport.Batch
		if err := q.Reserve(&batch, 4); err != nil || len(batch.Slots) != 4 {
			t.Fatalf("%d slots, %v", len(batch.Slots), err)
		}
		for i := range batch.Slots {
			dst := b.Addr4()
			if i == 0 {
				dst = nobody
			}
			batch.Slots[i].Data = append(batch.Slots[i].Data, packet(a.Addr4(), dst, make([]byte, 1200))...)
		}
		if n, err := q.Commit(&batch, 4); n != 4 || err != nil && !errors.Is(err, transport.ErrNoSlots) {
			t.Fatalf("Commit: %d, %v", n, err)
		}
	}
	start := time.Now()
	ta.Close()
	// One queue after the other, they would take 16 seconds.
	if d := time.Since(start); d < closePatience || d > 8*closePatience {
		t.Errorf("Close took %v", d)
	}
	if s := ta.Stats(); s.Unsent < 3*queues || s.Sent+s.Unsent != 4*queues+1 {
		t.Errorf("%d sent, %d unsent", s.Sent, s.Unsent)
	}
}
