// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"net"
	"time"

	"protean/transport"
)

// A queue is the one queue of a handle.
type queue struct {
	t *Transport

	receiving  bool
	waiting    bool          // a goroutine is in Wait and wants a token
	woken      bool          // by Wake, for the Wait in progress or the next
	token      chan struct{} // capacity 1
	timer      *time.Timer   // of Wait
	delivering bool

	// In a bubble.
	wake    bool  // Wake was called, which the loop has not seen yet
	until   int64 // when Wait is to return; 0: never
	expired bool  // it is that time

	cur  arrival // what is being delivered
	note note    // what is being told
	ev   transport.Event
}

// A note is an event that waits to be received.
type note struct {
	kind  transport.EventKind
	iface *transport.Interface
	sent  transport.Sent
}

var _ transport.Queue = (*queue)(nil)

// Recv implements [transport.Queue].
func (q *queue) Recv(s transport.Sink, limit int) (n int, err error) {
	t := q.t
	mu := &t.net.mu
	mu.Lock()
	if t.closed {
		mu.Unlock()
		return 0, net.ErrClosed
	}
	if q.receiving {
		mu.Unlock()
		return 0, unsupported("Recv while another Recv of the queue is running")
	}
	q.receiving = true
	t.calls++
	q.settle()
	locked := true
	defer func() {
		if !locked { // Deliver or Event panicked: the packet stays valid for now
			mu.Lock()
		}
		q.receiving = false
		t.leave()
		mu.Unlock()
	}()
	for !t.closed {
		switch {
		case t.lost > 0:
			q.ev = transport.Event{Kind: transport.PacketsLost, Lost: t.lost}
			t.lost = 0
		case t.notes.Len() > 0:
			q.nextNote()
		case n < limit && t.arrivals.Len() > 0:
			q.nextArrival()
			n++
			mu.Unlock()
			locked = false
			s.Deliver(&q.cur.pk)
			mu.Lock()
			locked = true
			q.settle()
			continue
		default:
			return n, nil
		}
		mu.Unlock()
		locked = false
		s.Event(&q.ev)
		mu.Lock()
		locked = true
	}
	return n, nil
}

// nextArrival makes the first packet that waits the current one.
func (q *queue) nextArrival() {
	t := q.t
	a := t.arrivals.At(0)
	q.cur = *a
	t.arrivals.Drop()
	t.stats.Received++
	t.stats.ReceivedBytes += uint64(len(q.cur.pk.Data))
	t.stats.Delivered++
	q.delivering = true
}

// settle ends a delivery, if one is in progress: its memory is free again.
func (q *queue) settle() {
	if !q.delivering {
		return
	}
	q.t.net.bufs.put(q.cur.buf)
	q.cur = arrival{}
	q.delivering = false
}

// nextNote makes the first note the current event.
func (q *queue) nextNote() {
	t := q.t
	q.note = *t.notes.At(0)
	t.notes.Drop()
	q.ev = transport.Event{Kind: q.note.kind}
	switch q.note.kind {
	case transport.PacketSent:
		q.ev.Sent = &q.note.sent
		t.stamps--
		t.relieve()
	case transport.LinkChanged:
		q.ev.Interface = q.note.iface
	}
}

// Wait implements [transport.Queue].
func (q *queue) Wait(until time.Time) error {
	t := q.t
	mu := &t.net.mu
	mu.Lock()
	defer mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	if !t.net.cfg.Live {
		return transport.ErrStepped
	}
	if q.waiting {
		return unsupported("Wait while another Wait of the queue is running")
	}
	t.calls++
	q.expired, q.until = false, 0
	var expired <-chan time.Time
	defer func() {
		if expired != nil {
			q.timer.Stop()
		}
		t.leave()
	}()
	for {
		switch {
		case t.closed:
			return net.ErrClosed
		case q.woken, t.arrivals.Len() > 0, t.notes.Len() > 0, t.lost > 0:
			q.woken = false
			return nil
		case q.expired:
			return nil
		case t.starved && t.room():
			t.starved = false
			return nil
		}
		if !until.IsZero() && expired == nil {
			d := until.Sub(t.net.Now())
			switch {
			case d <= 0:
				return nil
			case t.net.inBubble():
				q.until = addTime(t.net.clock(), int64(d))
			case q.timer == nil:
				q.timer = time.NewTimer(d)
				expired = q.timer.C
			default:
				q.timer.Reset(d)
				expired = q.timer.C
			}
		}
		if t.net.inBubble() && q.until != t.net.heap.when(&t.timer) {
			t.touch()
		}
		q.waiting = true
		mu.Unlock()
		done := false
		select {
		case <-q.token:
		case <-expired:
			done = true
		}
		mu.Lock()
		q.waiting = false
		if done {
			if t.closed {
				return net.ErrClosed
			}
			return nil
		}
	}
}

// Wake implements [transport.Queue]. In a stepped network it has the handle's
// Stepper called at the present time.
func (q *queue) Wake() {
	t := q.t
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if t.closed {
		return
	}
	if !t.net.cfg.Live {
		t.run()
		return
	}
	if t.net.inBubble() {
		q.wake = true
		t.touch()
		return
	}
	q.woken = true
	q.signal()
}

// signal has the goroutine in Wait, if any, look again.
func (q *queue) signal() {
	if q.waiting {
		select {
		case q.token <- struct{}{}:
		default:
		}
	}
}
