// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
)

// try commits one packet, and gives the slot back if it is not taken.
func try(t *testing.T, q transport.Queue, p []byte) error {
	t.Helper()
	var b transport.Batch
	if err := q.Reserve(&b, 1); err != nil {
		t.Fatal("Reserve:", err)
	}
	b.Slots[0].Data = append(b.Slots[0].Data, p...)
	_, err := q.Commit(&b, 1)
	q.Commit(&b, 0)
	return err
}

// numbered builds a packet from one node to another.
func numbered(a, b *netlab.Node, v6 bool, n int) []byte {
	return between(a, b, v6, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// wantNumbers checks that n packets come, in order.
func wantNumbers(t *testing.T, tr *Transport, n int) {
	t.Helper()
	var got, want []int
	for i, p := range receive(t, tr, n) {
		got, want = append(got, int(binary.BigEndian.Uint64(p.Payload()))), append(want, i)
	}
	if !slices.Equal(got, want) {
		t.Errorf("received %v", got)
	}
}

// As many packets wait as can, all for neighbours that do not answer: one more is
// refused, and what is behind it goes.
func TestPacketsThatWaitDoNotHoldUpOthers(t *testing.T) {
	senders(t, func(t *testing.T, c Config) {
		t.Parallel() // Close waits for a second
		lab := netlab.Test(t, netlab.Pair())
		a, b := lab.Node("a"), lab.Node("b")
		ta, tb := open(t, a, c), open(t, b, Config{}, 253)
		mustSend(t, ta, between(a, b, false, []byte("known")))
		receive(t, tb, 1)
		q := ta.queues[0]
		dead, n := netip.MustParseAddr("10.77.1.100"), 0
		for ; q.tx.held.count.Load() < heldInAll; n++ {
			if n%heldPerHop == 0 {
				dead = dead.Next()
			}
			if err := try(t, q, packet(a.Addr4(), dead, nil)); err != nil {
				t.Fatalf("packet %d to a neighbour that does not answer: %v", n, err)
			}
		}
		var batch transport.Batch
		for len(batch.Slots) < 3 {
			if err := q.Reserve(&batch, 1); err != nil {
				t.Fatal(err)
			}
		}
		for i, p := range [][]byte{between(a, b, false, []byte("before")), packet(a.Addr4(), dead.Next(), nil), between(a, b, false, []byte("behind"))} {
			batch.Slots[i].Data = append(batch.Slots[i].Data, p...)
		}
		if sent, err := q.Commit(&batch, 3); sent != 1 || !errors.Is(err, unix.ENOBUFS) {
			t.Fatalf("Commit: %d, %v", sent, err)
		}
		batch.Drop()
		if sent, err := q.Commit(&batch, 1); sent != 1 || err != nil {
			t.Fatalf("Commit of the rest: %d, %v", sent, err)
		}
		for i, p := range receive(t, tb, 2) {
			if want := []string{"before", "behind"}[i]; string(p.Payload()) != want {
				t.Errorf("received %q, want %q", p.Payload(), want)
			}
		}
		if s := ta.Stats(); s.Refused != 1 || s.Committed != uint64(n)+3 {
			t.Errorf("after %d packets that wait: refused %d, committed %d", n, s.Refused, s.Committed)
		}
	})
}

// A packet is put among those that wait without a look at its neighbour, which is
// known: whoever looks sends it.
func TestSendingAndReceivingLookAtNoNeighboursOfOthers(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	senders(t, func(t *testing.T, c Config) {
		ta, tb := open(t, a, c), open(t, b, Config{}, 253)
		mustSend(t, ta, between(a, b, false, []byte("known")), between(a, b, true, []byte("known")))
		receive(t, tb, 2)
		q := ta.queues[0]
		h := &q.tx.held
		for name, look := range map[string]func(){
			"Commit": func() { mustSend(t, ta, between(a, b, false, []byte("sent"))) },
			"poll":   func() { q.poll(0) },
		} {
			h.lock()
			if _, err := h.add(b.Addr6(), &transport.Slot{Data: between(a, b, true, []byte("waits"))}); err != nil {
				t.Fatal(err)
			}
			h.look = time.Hour
			h.unlock()
			for range 100 {
				look()
			}
			if h.count.Load() != 1 {
				t.Errorf("%s looks at all that wait", name)
			}
			h.lock()
			h.look = 0
			h.unlock()
			look()
			if h.count.Load() != 0 {
				t.Errorf("%s does not look at those that wait now and then", name)
			}
		}
		var got collector
		waited := 0
		got.until(t, tb, func() bool {
			for _, p := range got.packets {
				if string(p.Payload()) == "waits" {
					waited++
				}
			}
			got.packets = got.packets[:0]
			return waited == 2
		})
	})
}

// A frame is in the ring that the kernel was not told of, as if it had had no room
// for it, when a neighbour's address comes.
func TestPacketsThatWaitedDoNotOvertakeARing(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{TxRing: true}), open(t, b, Config{V4: true}, 253)
	s := &ta.queues[0].tx.ring
	s.mu.Lock()
	k := s.tx.Reserve()
	p := numbered(a, b, false, 0)
	frame := s.tx.Data(k)[:headerLen+len(p)]
	copy(frame[headerLen:], p)
	putHeader((*[headerLen]byte)(frame), wire.MAC(b.Interfaces()[0].HardwareAddr), ta.hardwareAddr(), protocol4)
	err := s.tx.Request(k, len(frame))
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := try(t, ta.Queues()[0], numbered(a, b, false, 1)); err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, tb, 2)
}

// The device has no room for what is in the ring while packets wait for a neighbour,
// and has none yet when that is known: others must not fill the ring meanwhile. Nobody
// calls Wait or Recv.
func TestPacketsThatWaitedAreSentWhenARingHasRoom(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	other := netip.MustParseAddr("10.77.1.99")
	setNeighbour(t, a, b.Addr4(), macOf(b))
	setNeighbour(t, a, other, wire.MAC{2, 0, 0, 0, 0, 9})
	ta, tb := open(t, a, Config{TxRing: true}), open(t, b, Config{V4: true}, 253)
	q, n := ta.queues[0], 0
	h, s := &q.tx.held, &q.tx.ring
	setQueue(t, a, 0)
	// The socket that goes around the ring goes around the queue, too, and has room.
	if err := unix.SetsockoptInt(q.tx.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		t.Fatal(err)
	}
	if err := try(t, q, numbered(a, b, false, n)); err != nil {
		t.Fatal(err)
	}
	n++
	s.mu.Lock()
	waiting := s.tx.Waiting()
	s.full.since = time.Now().Add(time.Hour) // it is not given up, however long this takes
	s.mu.Unlock()
	if !waiting {
		t.Fatal("the kernel has taken the first packet")
	}
	removeNeighbour(t, a, b.Addr4())
	for h.count.Load() < 5 { // the transport hears of it soon, first that it does not answer
		switch err := try(t, q, numbered(a, b, false, n)); {
		case err == nil:
			n++
		case !errors.Is(err, unix.EHOSTUNREACH):
			t.Fatalf("packet %d: %v", n, err)
		}
		if n == 200 {
			t.Fatal("no packet waits for the neighbour")
		}
		time.Sleep(time.Millisecond)
	}
	setNeighbour(t, a, b.Addr4(), macOf(b))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		h.lock()
		ready := len(h.ready)
		h.unlock()
		if ready > 0 {
			break
		} else if time.Now().After(end) {
			t.Fatal("what waits for the neighbour does not wait for room then")
		}
	}
	for _, dst := range []netip.Addr{b.Addr4(), other} {
		if err := try(t, q, packet(a.Addr4(), dst, nil)); err != transport.ErrNoSlots {
			t.Errorf("sending to %v when others are to be sent first: %v", dst, err)
		}
	}
	setQueue(t, a, 1000)
	wantNumbers(t, tb, n)
	if err := try(t, q, packet(a.Addr4(), other, nil)); err != nil {
		t.Errorf("sending to %v afterwards: %v", other, err)
	}
}

// Nothing passes the queueing discipline, the kernel's questions for the neighbour
// included.
func TestPacketsThatWaitedGoPastTheQueueingDisciplineToo(t *testing.T) {
	for name, ring := range map[string]bool{"sendmmsg": false, "transmit ring": true} {
		t.Run(name, func(t *testing.T) {
			lab := netlab.Test(t, netlab.Pair())
			a, b := lab.Node("a"), lab.Node("b")
			setQueue(t, a, 0)
			ta, tb := open(t, a, Config{QdiscBypass: true, TxRing: ring}), open(t, b, Config{V4: true}, 253)
			if err := try(t, ta.Queues()[0], numbered(a, b, false, 0)); err != nil {
				t.Fatal(err)
			}
			setNeighbour(t, a, b.Addr4(), macOf(b))
			wantNumbers(t, tb, 1)
		})
	}
}

// The device has no room when a neighbour is known. Nobody calls Wait or Recv.
func TestPacketsThatWaitedAreSentWhenADeviceHasRoom(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	setQueue(t, a, 0)
	ta, tb := open(t, a, Config{}), open(t, b, Config{V4: true}, 253)
	q, n := ta.queues[0], 0
	for ; n < 3; n++ {
		if err := try(t, q, numbered(a, b, false, n)); err != nil {
			t.Fatal(err)
		}
	}
	h := &q.tx.held
	h.lock()
	h.hops[b.Addr4()].full.since = time.Now().Add(time.Hour) // they are not given up
	h.unlock()
	setNeighbour(t, a, b.Addr4(), macOf(b))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := try(t, q, numbered(a, b, false, n))
		if err == transport.ErrNoSlots {
			break // it has an address, and is not kept with those that had none
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("the neighbour is known, and there is no room: %v", err)
		}
		if n++; n == heldPerHop {
			t.Fatal("packets that wait for room are kept")
		}
	}
	setQueue(t, a, 1000)
	wantNumbers(t, tb, n)
}

// A packet that waited is dropped on its way out, as often as it is tried.
func TestAPacketThatWaitedIsGivenUpWhenThereIsNeverRoom(t *testing.T) {
	t.Parallel() // it waits for a second
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	setQueue(t, a, 0)
	ta, tb := open(t, a, Config{}), open(t, b, Config{V4: true}, 253)
	mustSend(t, ta, between(a, b, false, []byte("dropped")))
	setNeighbour(t, a, b.Addr4(), macOf(b))
	var c collector
	c.until(t, ta, func() bool { return len(c.errs) == 1 })
	if e := &c.errs[0]; !errors.Is(e, unix.ENOBUFS) || e.Dst != b.Addr4() || e.Cookie != 77 {
		t.Errorf("error %+v", e)
	}
	if s := ta.Stats(); s.Unsent != 1 || s.Sent != 0 {
		t.Errorf("sent %d, unsent %d", s.Sent, s.Unsent)
	}
	setQueue(t, a, 1000)
	mustSend(t, ta, numbered(a, b, false, 0))
	wantNumbers(t, tb, 1)
}
