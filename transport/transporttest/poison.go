// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"
	"sync/atomic"

	"protean/transport"
)

// poison is what dead memory is filled with: no version of IP, no length that
// fits, and easy to see in a dump.
const poison = 0xdb

// Poison returns a decorator of t for tests of code that uses a transport. It
// makes that code fail at once where it breaks a rule about memory or about
// goroutines:
//
//   - A packet is delivered as a private copy, which is overwritten with 0xDB
//     when Deliver returns, the [transport.Packet] itself included. So is an
//     event with all it points to. The transport's own memory is overwritten
//     before Deliver is called, as a sink might do.
//   - A reserved slot has private memory filled with 0xDB, which is
//     overwritten by the Commit that sends it or takes it back.
//
// It panics when a slot is committed twice, or with memory that is not its
// own, or under a Ref that it was not given; when the memory of a slot is
// written after its Commit; when two goroutines are in Recv or Wait of one
// queue, or in Reserve or Commit; and when t leaves another number of slots
// in a batch than its Commit should.
//
// It copies every packet, and is for tests only.
func Poison(t transport.Transport) transport.Transport {
	d := &poisoned{Transport: t}
	for _, q := range t.Queues() {
		d.queues = append(d.queues, &poisonedQueue{Queue: q, lent: map[uint64]*lentSlot{}})
	}
	return d
}

var (
	_ transport.Transport = (*poisoned)(nil)
	_ transport.Queue     = (*poisonedQueue)(nil)
)

// poisoned is the decorator.
type poisoned struct {
	transport.Transport
	queues []transport.Queue
}

// Unwrap returns what is decorated.
func (d *poisoned) Unwrap() transport.Transport { return d.Transport }

// Queues returns the decorated queues.
func (d *poisoned) Queues() []transport.Queue {
	return append([]transport.Queue(nil), d.queues...)
}

// A poisonedQueue belongs to one receiving and one sending goroutine at a
// time, which it checks by the two occupations.
type poisonedQueue struct {
	transport.Queue

	receiving, sending occupation

	sink poisonedSink // of the receiving goroutine

	// Of the sending goroutine.
	lent  map[uint64]*lentSlot // by Ref, as the caller sees it
	last  uint64               // the last Ref given out
	dead  []*lentSlot          // slots taken back, oldest first, for reuse
	round uint64               // of looks at a batch
	inner transport.Batch      // what the decorated queue is shown
}

// An occupation is the side of a queue that only one goroutine may use.
type occupation struct{ busy atomic.Bool }

func (o *occupation) enter(call, side string) {
	if o.busy.Swap(true) {
		panic("transporttest: " + call + " is called while another call of " + side + " runs on the same queue")
	}
}

func (o *occupation) leave() { o.busy.Store(false) }

// fill overwrites all of b's capacity.
func fill(b []byte) {
	b = b[:cap(b)]
	// In ever larger parts: under the race detector, one byte costs as much as
	// many.
	for n := copy(b, []byte{poison}); 0 < n && n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// untouched reports whether all of b's capacity is as fill left it.
func untouched(b []byte) bool {
	return bytes.Count(b[:cap(b)], []byte{poison}) == cap(b)
}
