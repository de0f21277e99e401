// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"protean/ring/sysmon"
	"protean/transport"
	"protean/transport/internal/pace"
	"protean/transport/internal/sockio"
)

// A queue is a receive loop's sockets, one per family, and one that sends. The
// goroutine in Recv or Wait owns rx and sources, the one in Reserve or Commit
// owns tx.
type queue struct {
	t     *Transport
	index int
	sockio.Poller
	sources []*source
	rx      receiver
	tx      transmitter
	pacer   pace.Pacer // of the receiving goroutine

	lost    atomic.Uint64 // packets the kernel has dropped, as far as known
	starved atomic.Bool   // Reserve found no slot, and nobody was told of one since
	retry   atomic.Int64  // when a device that had no room is worth another try, Unix nanoseconds; 0: none waits
	blocks  atomic.Int64  // until when the Wait in progress blocks, likewise; 0: none does

	stats counters
}

var _ transport.Queue = (*queue)(nil)

// The ids of what a queue's poller watches: sources from 0 on, and these.
const (
	linkID = 512
	sendID = 1024
)

func newQueue(t *Transport, index int) *queue {
	q := &queue{t: t, index: index}
	for _, p := range t.protocols() {
		q.sources = append(q.sources, &source{fd: -1, protocol: p})
	}
	return q
}

// open makes the queue ready; its sockets are open.
func (q *queue) open() error {
	t := q.t
	q.rx.ifindex = int32(t.link.index)
	q.rx.readable = func(uintptr) bool { return q.poll(0) }
	if err := opError("open", q.Poller.Open()); err != nil {
		return err
	}
	for i, s := range q.sources {
		if err := opError("open", q.Watch(s.fd, i)); err != nil {
			return err
		}
	}
	if q.index == 0 {
		if err := opError("open", q.Watch(t.links.FD(), linkID)); err != nil {
			return err
		}
	}
	return nil
}

// close gives everything back, the sockets by goroutines of wg.
func (q *queue) close(wg *sync.WaitGroup) {
	for _, s := range q.sources {
		q.rx.discard(s)
		wg.Go(s.close)
	}
	q.stats.addTally(&q.rx.tally)
	wg.Go(q.tx.close)
	q.Poller.Close()
}

// poll asks the kernel what is ready, waiting for d at most, and reports whether
// there is anything to do for Recv or to return for from Wait.
func (q *queue) poll(d time.Duration) bool {
	r := &q.rx
	r.fresh, r.single = true, nil
	r.guess.Asked()
	n := q.Events(r.events[:], d)
	for i := range r.events[:n] {
		switch e := &r.events[i]; {
		case e.Fd == sendID:
			r.room = true
		case e.Fd == linkID:
			r.changed = true
		default:
			s := q.sources[e.Fd]
			s.ready = true
			if n == 1 && s.rx == nil {
				r.single = s
			}
			if e.Events&unix.EPOLLERR != 0 {
				q.failed(s)
			}
		}
	}
	q.tx.ring.again(q)
	q.tx.held.again()
	return q.due()
}

// failed takes note of an error at a socket, which is there once: ENETDOWN when
// the interface goes down, which ends nothing, or is gone.
func (q *queue) failed(s *source) {
	pendingError(s.fd)
	if orphaned(s.fd) {
		q.t.interfaceGone()
	}
}

// due reports whether Recv has something to do, or Wait to return for.
func (q *queue) due() bool {
	r := &q.rx
	if r.changed || r.room || q.lost.Load() != r.lostTold || q.tx.failures.waiting() {
		return true
	}
	for _, s := range q.sources {
		if s.waiting() {
			return true
		}
	}
	return false
}

// soon is due, or without a ring a look whether there is another packet where the
// last one was.
func (q *queue) soon(now time.Duration) bool { return q.due() || q.again(now) }

// again takes what packets there are from the source that had the last ones, if it
// was the only one, and reports whether there are any.
func (q *queue) again(now time.Duration) bool {
	r := &q.rx
	src := r.single
	if src == nil || !r.guess.Try(now) {
		return false
	}
	errno := src.fetch(len(src.msg.Hdr))
	if errno != 0 && errno != unix.EAGAIN {
		q.failed(src) // one that goes on comes again
	}
	r.guess.Found(src.have > 0)
	if src.have == min(len(src.msg.Hdr), sockio.MaxReceive) {
		r.single = nil // it has more than comes alone: the others get their turn
	}
	r.fresh = src.have > 0
	return r.fresh
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
	err := q.t.err()
	if err == nil && !q.await(until) {
		err = opError("read", q.block(until))
	}
	q.rx.room = false
	if q.t.calls.Closing() {
		return net.ErrClosed
	}
	return err
}

// block waits for something to happen, or until it is time to try again what
// there was no room for.
func (q *queue) block(until time.Time) error {
	end := int64(math.MaxInt64)
	if d := time.Until(until); !until.IsZero() && d < time.Hour {
		end = time.Now().Add(d).UnixNano()
	}
	// In this order: a tryLater that is missed here knows of this Wait.
	q.blocks.Store(end)
	defer q.blocks.Store(0)
	if at := q.retry.Swap(0); at != 0 && at < end {
		until = time.Unix(0, at)
		q.blocks.Store(at)
	}
	return q.Block(until, q.rx.readable)
}

// tryLater has Wait return, and what waits tried again, in a moment. A Wait that
// blocks for longer is woken up, for the next one to know; one that does not
// block yet must not be, or it would never wait for that moment.
func (q *queue) tryLater() {
	at := time.Now().Add(retryAfter).UnixNano()
	q.retry.Store(at)
	if q.blocks.Load() > at {
		q.Wake()
	}
}

// await is poll with a moment for packets to come. The blocks of a V3 ring come
// so seldom that it would be in vain.
func (q *queue) await(until time.Time) bool {
	now := sysmon.Now()
	if now-q.rx.asked > askEvery {
		q.rx.asked = now
		q.readDrops()
	}
	if q.t.cfg.Ring != V3 {
		if at := q.retry.Load(); at != 0 { // block comes to that
			if retry := time.Unix(0, at); until.IsZero() || retry.Before(until) {
				until = retry
			}
		}
		return q.Linger(&q.pacer, now, until, q.rx.taken, q.soon, q.poll)
	}
	return q.waiting() && q.poll(0) // if nothing is, Block asks the kernel
}

// askEvery is how often the kernel is asked about packets it dropped where no
// later packet tells of them, which those of a V3 ring never do.
const askEvery = 100 * time.Millisecond

// readDrops asks the kernel how many packets it has dropped.
func (q *queue) readDrops() {
	for _, s := range q.sources {
		if n := s.newDrops(); n > 0 {
			q.lost.Add(n)
			q.Wake() // for the event
		}
	}
}
