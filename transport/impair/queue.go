// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"errors"
	"net"
	"sync"
	"time"

	"protean/transport"
	"protean/transport/internal/fifo"
)

// A queue is a queue of the decorator.
type queue struct {
	t     *Transport
	inner transport.Queue

	// Of the receiving goroutine.
	collect collector
	event   transport.Event
	iface   transport.Interface // that event points to

	// Guarded by the transport's lock.
	ready   fifo.Queue[arrival] // to be delivered
	notes   fifo.Queue[transport.Event]
	current []byte // what is being delivered, nil if the transport below does it
	lent    lent
	starved bool                // somebody was told ErrNoSlots
	backlog fifo.Queue[outwait] // to be sent

	sending sync.Mutex // the side of the queue below that sends; before the transport's lock
	batch   transport.Batch
	single  [1]transport.Slot
}

// An arrival is a packet that has come in.
type arrival struct {
	p    transport.Packet
	data []byte
}

// An outwait is a packet that waits for room below.
type outwait struct {
	data []byte
	meta outgoing
}

func newQueue(t *Transport, inner transport.Queue) *queue {
	q := &queue{t: t, inner: inner}
	q.collect.q = q
	return q
}

var _ transport.Queue = (*queue)(nil)

// Wait implements [transport.Queue].
func (q *queue) Wait(until time.Time) error {
	t := q.t
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	t.catchUp()
	t.mu.Lock()
	now := q.ready.Len() > 0 || q.notes.Len() > 0
	if q.starved && q.room() {
		q.starved, now = false, true
	}
	t.mu.Unlock()
	if now && !t.caps.Stepped {
		return nil
	}
	err := q.inner.Wait(until)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed && (err == nil || errors.Is(err, net.ErrClosed)) {
		return net.ErrClosed
	}
	return err
}

// Wake implements [transport.Queue].
func (q *queue) Wake() { q.inner.Wake() }
