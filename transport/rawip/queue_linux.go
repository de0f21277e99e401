// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"protean/ring/sysmon"
	"protean/transport"
	"protean/transport/internal/pace"
	"protean/transport/internal/sockio"
)

// A queue is a transport's only queue. The goroutine in Recv or Wait owns rx,
// the one in Reserve or Commit owns tx.
type queue struct {
	t *Transport
	sockio.Poller
	rx    receiver
	tx    transmitter
	pacer pace.Pacer // of the receiving goroutine
	links links      // of the receiving goroutine

	lost atomic.Uint64               // packets the kernel has dropped, as far as known
	logs atomic.Pointer[[]*stampLog] // of senders that stamps were asked of; nil for none

	mu    sync.Mutex // guards stats
	stats transport.Stats
}

var _ transport.Queue = (*queue)(nil)

// Beyond the ids of receiving sockets, an epoll event may be about the link
// monitor, about room in a sending socket, or about an error queue.
const (
	linkID   = 512
	senderID = 1024 // and what the error queue of a sending socket says of stamps:
	stampID  = 2048
	errorID  = 3072
)

// stride is the distance of two packets in memory: room for the longest of
// either family, touched only as far as packets reach. It is not a multiple
// of the page size, or all packets would compete for the same cache sets.
const stride = 65_664

func (q *queue) open(t *Transport) error {
	q.t = t
	q.rx.init(t.cfg.Batch, !t.cfg.SendOnly)
	q.rx.readable = func(uintptr) bool { return q.poll(0) }
	control := sockio.SendControl
	if t.cfg.Header == Kernel && t.caps.V6 {
		control = sockio.SendControl6
	}
	q.tx.init(t.cfg.Batch, control)
	if err := opWrap("open", q.Poller.Open()); err != nil {
		return err
	}
	return q.links.open(t)
}

func (q *queue) close() {
	q.rx.discard()
	q.flush()
	q.links.monitor.Close()
	q.Poller.Close()
}

// poll asks the kernel what is ready, waiting for d at most, and reports whether
// there is anything to do for Recv or to return for from Wait.
func (q *queue) poll(d time.Duration) bool {
	r := &q.rx
	r.ready, r.errs = r.ready[:0], r.errs[:0]
	r.fresh = true
	r.guess.Asked()
	n := q.Events(r.events[:], d)
	for i := range r.events[:n] {
		switch id := int(r.events[i].Fd); {
		case id >= errorID:
			if s := q.t.errs[id-errorID].Load(); s != nil {
				r.errs = append(r.errs, s)
			}
		case id >= stampID:
			r.stamps = true
		case id >= senderID:
			r.room = true
		case id == linkID:
			q.links.changed = true
		default:
			if s := q.t.socks[id].Load(); s != nil {
				r.ready = append(r.ready, s)
			}
		}
	}
	r.single = len(r.ready) == 1 && n == 1
	// Another one comes first each time, or one that always has as much as Recv may
	// take would keep the others waiting.
	if n := len(r.ready); n > 1 {
		r.turn++
		r.ready[0], r.ready[r.turn%n] = r.ready[r.turn%n], r.ready[0]
	}
	return len(r.ready) > 0 || len(r.errs) > 0 || r.stamps || q.due() || r.room
}

// due reports whether Recv has something to say without asking the kernel.
func (q *queue) due() bool {
	return q.rx.next < q.rx.have || q.links.changed || q.lost.Load() != q.rx.lostTold
}

// soon is due, or a look whether there is another packet where the last one was.
func (q *queue) soon(now time.Duration) bool { return q.due() || q.rx.again(now) }

// Wait implements [transport.Queue].
func (q *queue) Wait(until time.Time) error {
	if !q.t.calls.Enter() {
		return net.ErrClosed
	}
	defer q.t.calls.Leave()
	if q.Woken() {
		return nil
	}
	err := q.links.err
	if err == nil && !q.Linger(&q.pacer, sysmon.Now(), until, q.rx.taken, q.soon, q.poll) {
		err = q.Block(until, q.rx.readable)
	}
	q.rx.room = false
	if q.t.calls.Closing() {
		return net.ErrClosed
	}
	return err
}

// Stats implements [transport.StatsReader].
func (t *Transport) Stats() transport.Stats {
	if t.calls.Enter() {
		before := t.q.lost.Load()
		t.mu.Lock()
		for _, b := range t.bound {
			for _, s := range b.socks {
				s.readDrops()
			}
		}
		t.mu.Unlock()
		if t.q.lost.Load() != before {
			t.q.Wake() // for the event
		}
		t.calls.Leave()
	}
	t.q.mu.Lock()
	defer t.q.mu.Unlock()
	s := t.q.stats
	s.Lost = t.q.lost.Load()
	return s
}
