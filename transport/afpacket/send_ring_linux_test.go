// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/ring/sysmon"
	"protean/transport"
	"protean/transport/netlab"
)

// A ringRig sends numbered packets through a transmit ring.
type ringRig struct {
	t      *testing.T
	a, b   *netlab.Node
	ta, tb *Transport
	q      transport.Queue
	tx     *transmitter
	n      uint32 // packets committed
}

func newRingRig(t *testing.T) *ringRig {
	t.Helper()
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	r := &ringRig{t: t, a: a, b: b, ta: open(t, a, Config{TxRing: true, Ring: None}), tb: open(t, b, Config{V4: true, Ring: V2, BlockSize: 256 << 10, Blocks: 32}, 253)}
	r.q, r.tx = r.ta.Queues()[0], &r.ta.queues[0].tx
	mustSend(t, r.ta, between(a, b, false, make([]byte, 8)))
	receive(t, r.tb, 1) // so the neighbour is known
	return r
}

func (r *ringRig) reserve(b *transport.Batch, n int) {
	r.t.Helper()
	for want := len(b.Slots) + n; len(b.Slots) < want; {
		if err := r.q.Reserve(b, want-len(b.Slots)); err != nil {
			r.t.Fatal("Reserve:", err)
		}
	}
}

// commit sends the first n slots with the next numbers.
func (r *ringRig) commit(b *transport.Batch, n int) {
	r.t.Helper()
	for i := range b.Slots[:n] {
		p := make([]byte, 8+int(r.n)%500)
		binary.BigEndian.PutUint32(p, r.n)
		b.Slots[i].Data = append(b.Slots[i].Data[:0], between(r.a, r.b, false, p)...)
		r.n++
	}
	if sent, err := r.q.Commit(b, n); sent != n || err != nil {
		r.t.Fatalf("Commit of %d: %d, %v", n, sent, err)
	}
}

// arrived checks that all packets have come, in order.
func (r *ringRig) arrived() {
	r.t.Helper()
	var got, want []uint32
	for _, p := range receive(r.t, r.tb, int(r.n)) {
		got = append(got, binary.BigEndian.Uint32(p.Payload()))
	}
	for i := range r.n {
		want = append(want, i)
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("received %d packets, want %d in order: %v", len(got), len(want), got)
	}
	if s := r.ta.Stats(); s.Sent != uint64(r.n)+1 || s.Committed != s.Sent || s.Unsent != 0 {
		r.t.Errorf("%d committed, %d sent, %d unsent of %d", s.Committed, s.Sent, s.Unsent, r.n+1)
	}
}

func (r *ringRig) copied() uint64 { return r.tx.ring.tx.Copied() }

func TestARingsPacketsAreSentFromWhereTheyWereWritten(t *testing.T) {
	r := newRingRig(t)
	for i := range 30 {
		var b transport.Batch
		r.reserve(&b, 40)
		r.commit(&b, 1+i) // and gives the others back
	}
	if n := r.copied(); n != 0 {
		t.Errorf("%d were copied", n)
	}
	r.arrived()
}

// Two batches are committed in the other order, slots are dropped and given
// back, and one batch is held all the time: everything arrives in the order of
// Commit.
func TestARingsSlotsNeedNoOrder(t *testing.T) {
	r := newRingRig(t)
	var held, first, second transport.Batch
	for round := range 10 {
		r.reserve(&first, 5)
		r.reserve(&second, 5)
		r.commit(&second, 3)
		first.Drop()
		r.commit(&first, 4)
		r.reserve(&second, 3)
		second.Drop()
		r.commit(&second, 2)
		if round == 4 {
			r.reserve(&held, 2) // from now on there is always one in front
		}
	}
	if r.copied() == 0 {
		t.Error("none was copied")
	}
	for range 20 { // what is held takes nothing else away
		r.reserve(&first, defaultBatch-2)
		if err := r.q.Reserve(&first, 1); !errors.Is(err, transport.ErrNoSlots) {
			t.Fatalf("a slot more than there are: %v", err)
		}
		if _, err := r.q.Commit(&first, 0); err != nil {
			t.Fatal(err)
		}
	}
	r.commit(&held, 2)
	copied := r.copied()
	r.reserve(&first, 10)
	r.commit(&first, 10)
	if r.copied() != copied {
		t.Error("packets are copied although nothing is held any more")
	}
	r.arrived()
}

// One packet that cannot be sent is in the middle of a batch, and one that has to
// wait for a neighbour.
func TestARingGoesOnBehindARefusedPacket(t *testing.T) {
	r := newRingRig(t)
	var b transport.Batch
	for range 20 {
		r.reserve(&b, 6)
		for i := range b.Slots {
			p := make([]byte, 8)
			binary.BigEndian.PutUint32(p, r.n)
			switch i {
			case 2:
				p = make([]byte, 3000)
			case 4:
				b.Slots[i].Data = append(b.Slots[i].Data, packet(r.a.Addr4(), r.a.Addr4().Next().Next().Next(), p)...)
				continue
			default:
				r.n++
			}
			b.Slots[i].Data = append(b.Slots[i].Data, between(r.a, r.b, false, p)...)
		}
		var big *transport.TooBigError
		if sent, err := r.q.Commit(&b, 6); sent != 2 || !errors.As(err, &big) || len(b.Slots) != 4 {
			t.Fatalf("Commit: %d, %v, %d left", sent, err, len(b.Slots))
		}
		b.Drop()
		if sent, err := r.q.Commit(&b, 3); sent != 3 || err != nil {
			t.Fatalf("Commit of the rest: %d, %v", sent, err)
		}
	}
	var got []uint32
	for _, p := range receive(t, r.tb, int(r.n)) {
		got = append(got, binary.BigEndian.Uint32(p.Payload()))
	}
	for i, n := range got {
		if int(n) != i {
			t.Fatalf("packet %d came as number %d", n, i)
		}
	}
	if n := r.tx.ring.tx.Lent(); n != 0 {
		t.Errorf("%d slots are lost", n)
	}
}

// The kernel refuses a packet in the ring while another batch holds slots behind
// it.
func TestARingIsRescuedWhileSlotsAreHeld(t *testing.T) {
	r := newRingRig(t)
	var b, held transport.Batch
	r.reserve(&b, 3)
	r.reserve(&held, 2)
	before := r.ta.Stats()
	if err := r.a.SetMTU("eth0", 1400); err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{100, 1480, 200} {
		b.Slots[i].Data = append(b.Slots[i].Data, between(r.a, r.b, false, make([]byte, size))...)
		b.Slots[i].Frag = transport.FragProbe // past what is known of the path
	}
	if n, err := intoRing(r.ta.queues[0], b.Slots); n != 3 || err != nil { // Commit could hear of the MTU first
		t.Fatalf("%d are in the ring, %v", n, err)
	}
	for i := range held.Slots {
		held.Slots[i].Data = append(held.Slots[i].Data, between(r.a, r.b, false, make([]byte, 300+i))...)
	}
	if n, err := r.q.Commit(&held, 2); n != 2 || err != nil {
		t.Fatalf("Commit of what was held: %d, %v", n, err)
	}
	var sizes []int
	for _, p := range receive(t, r.tb, 4) {
		sizes = append(sizes, len(p.Payload()))
	}
	if !slices.Equal(sizes, []int{100, 200, 300, 301}) {
		t.Errorf("received %v", sizes)
	}
	if s := r.ta.Stats(); s.Sent-before.Sent != 4 || s.Unsent != 1 {
		t.Errorf("sent %d, unsent %d", s.Sent-before.Sent, s.Unsent)
	}
}

// A goroutine writes to a slot all the time while the transport is closed, and
// afterwards.
func TestARingsSlotsOutliveClose(t *testing.T) {
	r := newRingRig(t)
	var b, sent transport.Batch
	r.reserve(&sent, 5)
	r.reserve(&b, 3)
	r.commit(&sent, 5)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for d := b.Slots[1].Data[:cap(b.Slots[1].Data)]; !stop.Load(); {
			for i := range d {
				d[i] = byte(i)
			}
		}
	}()
	if err := r.ta.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	stop.Store(true)
	<-done
	for i := range b.Slots {
		b.Slots[i].Data = append(b.Slots[i].Data, make([]byte, 60_000)...)
	}
	if n, err := r.q.Commit(&b, 3); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("Commit after Close: %d, %v", n, err)
	}
	if s := r.ta.Stats(); s.Sent != 6 || s.Unsent != 0 {
		t.Errorf("sent %d, unsent %d", s.Sent, s.Unsent)
	}
	r.arrived()
}

// The link goes down between a Commit and the kernel's look at the ring: Close
// does not wait for ever, and says what was not sent.
func TestCloseTellsWhatARingCouldNotSend(t *testing.T) {
	r := newRingRig(t)
	var b transport.Batch
	r.reserve(&b, 4)
	if err := r.a.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	for i := range b.Slots[:3] {
		if err := r.tx.ring.tx.Request(int(b.Slots[i].Ref)-1, 100); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	r.ta.Close()
	if d := time.Since(start); d < closePatience || d > 3*closePatience {
		t.Errorf("Close took %v", d)
	}
	if s := r.ta.Stats(); s.Unsent != 3 || s.Sent != 1 {
		t.Errorf("%d sent, %d unsent", s.Sent, s.Unsent)
	}
}

// The link goes down between a Commit and the kernel's look at the ring, and comes
// up again: what waits is sent, of any queue, without another Commit.
func TestARingGoesOnWhenTheLinkIsUp(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{TxRing: true, Queues: 2}), open(t, b, Config{V4: true}, 253)
	if err := a.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	for _, q := range ta.queues {
		q.tx.ring.timer = time.AfterFunc(time.Hour, func() {}) // so that it is the announcement
		leaveInRing(t, q, a, b)
	}
	var loops sync.WaitGroup
	for _, q := range ta.Queues() {
		loops.Go(func() {
			for c := (collector{from: ta}); q.Wait(time.Time{}) == nil; {
				q.Recv(&c, 64)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	if err := a.SetLink("eth0", true); err != nil {
		t.Fatal(err)
	}
	receive(t, tb, 2)
	ta.Close()
	loops.Wait()
}

// leaveInRing leaves a packet from a to b in a queue's ring, with the link down.
func leaveInRing(t *testing.T, q *queue, a, b *netlab.Node) {
	t.Helper()
	s := &q.tx.ring
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.tx.Reserve()
	p := between(a, b, false, []byte{byte(q.index)})
	frame := s.tx.Data(k)[:headerLen+len(p)]
	copy(frame[headerLen:], p)
	putHeader((*[headerLen]byte)(frame), wire.MAC(b.Interfaces()[0].HardwareAddr), q.t.hardwareAddr(), protocol4)
	if err := s.tx.Request(k, len(frame)); err != nil {
		t.Error(err)
	}
	s.kick(q)
	if !errors.Is(s.down, unix.ENETDOWN) {
		t.Errorf("queue %d, with the link down: %v", q.index, s.down)
	}
}

// intoRing is what Commit does once.
func intoRing(q *queue, slots []transport.Slot) (taken int, err error) {
	x, s := &q.tx, &q.tx.ring
	x.source, x.policy, x.now = q.t.hardwareAddr(), q.t.policy.Load(), sysmon.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue(q, slots)
}

// TestAKickIsForAsManyBytesAsPackets has the longest packets there are in the ring:
// the runtime is not told of a kick, and cannot stop the world meanwhile.
func TestAKickIsForAsManyBytesAsPackets(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	tr := open(t, a, Config{Interface: "lo", TxRing: true}, 253)
	q := tr.queues[0]
	var batch transport.Batch
	const n = 5
	if err := q.Reserve(&batch, n); err != nil || len(batch.Slots) != n {
		t.Fatalf("%d slots, %v", len(batch.Slots), err)
	}
	p := between(a, a, false, make([]byte, 60_000))
	for i := range batch.Slots {
		batch.Slots[i].Data = append(batch.Slots[i].Data, p...)
	}
	taken, err := intoRing(q, batch.Slots)
	if taken != 2 || err != nil {
		t.Errorf("%d of %d packets in a kick, %v", taken, n, err)
	}
	batch.Shift(taken)
	if sent, err := q.Commit(&batch, n-taken); sent != n-taken || err != nil {
		t.Errorf("Commit: %d, %v", sent, err)
	}
	for _, p := range receive(t, tr, n) {
		if len(p.Payload()) != 60_000 {
			t.Errorf("%d bytes came", len(p.Payload()))
		}
	}
}
