// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"protean/transport"
)

// rig is a transport for what blockTransport is too simple for: it has several
// queues, its Wait blocks until there is something, and its slots are few and
// come back only when they have been sent. Memory of slots that are given back
// is overwritten, so that whoever still reads it is found out.
type rig struct {
	caps   transport.Caps
	qs     []*rigQueue
	ifs    []transport.Interface
	listed atomic.Int64  // how often
	refuse map[int]error // what Bind says for a protocol

	mu      sync.Mutex
	binds   map[int]int // Bind less Unbind
	calls   int         // of Bind
	foreign []bool      // arguments of ReceiveForeign
	members map[string]int
}

type rigQueue struct {
	t *rig

	mu      sync.Mutex
	changed *sync.Cond
	in      [][]byte // packets to deliver
	events  []transport.Event
	endless bool // in is delivered again and again
	woken   bool
	room    bool // Wait returns since there is room
	waits   int  // calls of Wait
	free    int  // slots that can be had
	keep    bool // slots do not come back when they have been sent
	lent    int  // slots with the host
	sent    []transport.Slot
	commit  func(n int) (take int, err error) // what becomes of n packets; nil: all are sent
	onWake  func()

	packet transport.Packet
	flags  transport.Flags // of packets that arrive
	fail   error           // what Wait returns
}

func newRig(queues int) *rig {
	t := &rig{
		caps:    transport.Caps{Name: "rig", Batch: 8, MaxPacket: 2000, V4: true, V6: true, Reassembles: true},
		binds:   map[int]int{},
		members: map[string]int{},
	}
	for i, prefix := range []string{"10.0.0.2/24", "10.9.0.2/24"} {
		t.ifs = append(t.ifs, transport.Interface{
			Index: i + 1, Name: []string{"r0", "r1"}[i], MTU: 1500, Up: true, Broadcast: true,
			Prefixes: []netip.Prefix{netip.MustParsePrefix(prefix), netip.MustParsePrefix("fe80::2/64")},
		})
	}
	for range queues {
		q := &rigQueue{t: t, free: 64}
		q.changed = sync.NewCond(&q.mu)
		t.qs = append(t.qs, q)
	}
	return t
}

func (t *rig) Queues() (all []transport.Queue) {
	for _, q := range t.qs {
		all = append(all, q)
	}
	return all
}

func (t *rig) Bind(p int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refuse[p]; err != nil {
		return err
	}
	t.calls++
	t.binds[p]++
	return nil
}

func (t *rig) Unbind(p int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.binds[p]--
	return nil
}

func (t *rig) Caps() transport.Caps { return t.caps }
func (t *rig) Close() error         { return nil }
func (t *rig) Interfaces() []transport.Interface {
	t.listed.Add(1)
	return slices.Clone(t.ifs)
}

func (t *rig) ReceiveForeign(on bool) error {
	t.foreign = append(t.foreign, on)
	return nil
}

func (q *rigQueue) Recv(s transport.Sink, limit int) (n int, err error) {
	for {
		q.mu.Lock()
		if len(q.events) > 0 {
			e := q.events[0]
			q.events = q.events[1:]
			q.mu.Unlock()
			s.Event(&e)
			continue
		}
		if n >= limit || len(q.in) == 0 {
			q.mu.Unlock()
			return n, nil
		}
		f := q.in[0]
		if !q.endless {
			q.in = q.in[1:]
		}
		q.mu.Unlock()
		n++
		if m := q.packet.Load(f, transport.Arrival{Time: 1, IfIndex: 1, Flags: q.flags}); m != 0 {
			panic(m)
		}
		s.Deliver(&q.packet)
	}
}

func (q *rigQueue) Wait(until time.Time) error {
	if !until.IsZero() {
		timer := time.AfterFunc(time.Until(until), func() { q.with(func() {}) })
		defer timer.Stop()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waits++
	for !q.woken && !q.room && q.fail == nil && len(q.in) == 0 && len(q.events) == 0 && (until.IsZero() || time.Now().Before(until)) {
		q.changed.Wait()
	}
	q.woken, q.room = false, false
	return q.fail
}

func (q *rigQueue) Wake() {
	var f func()
	q.with(func() { q.woken, f = true, q.onWake })
	if f != nil {
		f()
	}
}

func (q *rigQueue) Reserve(b *transport.Batch, n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free == 0 {
		return transport.ErrNoSlots
	}
	for range min(n, q.free) {
		q.free--
		q.lent++
		b.Slots = append(b.Slots, transport.Slot{Data: poison(make([]byte, q.t.caps.MaxPacket))[:0]})
	}
	return nil
}

func (q *rigQueue) Commit(b *transport.Batch, n int) (sent int, err error) {
	q.mu.Lock()
	f := q.commit
	q.mu.Unlock()
	sent = n
	if n > 0 && f != nil {
		sent, err = f(n)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range b.Slots[n:] {
		poison(s.Data)
		q.free++
		q.lent--
	}
	b.Truncate(n)
	for _, s := range b.Slots[:sent] {
		c := s
		c.Data = slices.Clone(s.Data)
		q.sent = append(q.sent, c)
		poison(s.Data)
		q.lent--
		if !q.keep {
			q.free++
		}
	}
	b.Shift(sent)
	return sent, err
}

func poison(b []byte) []byte {
	b = b[:cap(b)]
	for i := range b {
		b[i] = 0xdb
	}
	return b
}

// with changes the queue and has Wait look again.
func (q *rigQueue) with(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
	q.changed.Broadcast()
}

// put has packets arrive.
func (q *rigQueue) put(frames ...[]byte) { q.with(func() { q.in = append(q.in, frames...) }) }

// packets returns what was sent so far.
func (q *rigQueue) packets() []transport.Slot {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.sent)
}

// slots returns how many slots the host has.
func (q *rigQueue) slots() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lent
}
