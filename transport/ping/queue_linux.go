// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/sockio"
)

// A queue is a transport's only queue. The goroutine in Recv or Wait owns rx,
// the one in Reserve or Commit owns tx.
type queue struct {
	t *Transport
	sockio.Poller
	rx      receiver
	tx      transmitter
	monitor sockio.LinkMonitor

	socks [MaxIDs]atomic.Pointer[sock] // filled by the goroutine in Commit

	mu    sync.Mutex // guards stats
	stats transport.Stats
}

var _ transport.Queue = (*queue)(nil)

// A sock is the socket of an identifier.
type sock struct {
	fd, id   int // id for the poller: its place in queue.socks
	v6       bool
	discover int // IP_MTU_DISCOVER as it is set; of the goroutine in Commit

	drops uint32 // the kernel's count of drops that was seen last
}

// linkID is not that of a socket: an epoll event about the link monitor.
const linkID = MaxIDs

// The distances of two packets in memory: of those to send as in package rawip;
// of those that are received with room in front for the headers that are rebuilt,
// an IPv6 header and as many extension headers as control messages can tell of.
const (
	stride      = 65_664
	rxStride    = 67_968
	headroom    = 40 + recvControl
	recvControl = sockio.RecvControl6 + 64 // IPv4 options, beyond what package rawip has
)

func (q *queue) open(t *Transport) error {
	q.t = t
	q.rx.init(t.cfg.Batch)
	q.rx.readable = func(uintptr) bool { return q.poll() }
	q.tx.init(t.cfg.Batch)
	err := q.Poller.Open()
	if err == nil {
		err = q.monitor.Open(t.ns, &t.ifs, t.ifindex)
	}
	if err == nil {
		err = q.Watch(q.monitor.FD(), linkID)
	}
	return opError("open", err)
}

func (q *queue) close() {
	for i := range q.socks {
		if s := q.socks[i].Load(); s != nil {
			unix.Close(s.fd)
		}
	}
	q.rx.discard()
	q.flush()
	q.monitor.Close()
	q.Poller.Close()
}

// poll asks the kernel what is ready, and reports whether there is anything to
// do for Recv or to return for from Wait.
func (q *queue) poll() bool {
	r := &q.rx
	r.ready, r.failed = r.ready[:0], r.failed[:0]
	n := q.Events(r.events[:], 0)
	for i := range r.events[:n] {
		ev := &r.events[i]
		switch id := int(ev.Fd); {
		case id == linkID:
			r.changed = true
		default:
			s := q.socks[id].Load()
			if s == nil {
				continue
			}
			if ev.Events&unix.EPOLLOUT != 0 {
				r.room = true
				q.WatchBoth(s.fd, id, false)
			}
			if ev.Events&unix.EPOLLERR != 0 {
				r.failed = append(r.failed, s)
			}
			if ev.Events&unix.EPOLLIN != 0 {
				r.ready = append(r.ready, s)
			}
		}
	}
	// Another one comes first each time, or one that always has as much as Recv may
	// take would keep the others waiting.
	if n := len(r.ready); n > 1 {
		r.turn++
		r.ready[0], r.ready[r.turn%n] = r.ready[r.turn%n], r.ready[0]
	}
	return len(r.ready) > 0 || len(r.failed) > 0 || r.changed || r.room || r.next < r.have
}

// Wait implements [transport.Queue].
func (q *queue) Wait(until time.Time) error {
	if !q.t.calls.Enter() {
		return net.ErrClosed
	}
	defer q.t.calls.Leave()
	if q.Woken() {
		return nil
	}
	err := q.rx.gone
	if err == nil && !q.poll() {
		err = q.Block(until, q.rx.readable)
	}
	q.rx.room = false
	if q.t.calls.Closing() {
		return net.ErrClosed
	}
	return err
}
