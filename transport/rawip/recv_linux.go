// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"net"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/pace"
	"protean/transport/internal/sockio"
)

// A receiver takes packets from sockets in batches and hands them on one by
// one. It is owned by the goroutine in Recv or Wait.
type receiver struct {
	mem      []byte
	msg4     sockio.Messages // into mem
	msg6     sockio.Messages // into mem behind room for the header the kernel strips
	events   [64]unix.EpollEvent
	readable func(uintptr) bool // poll as the runtime's poller wants it, made once

	ready []*sock // those that have packets
	turn  int     // moves which of them comes first
	errs  []*sock // those that have ICMP errors
	fresh bool    // poll, or again with packets, was not followed by Recv yet
	room  bool    // a socket is writable again

	single bool       // poll found one socket with packets, and nothing else, and Recv did not panic
	guess  pace.Guess // whether that has more

	reports sockio.ErrorReader
	stamps  bool // there are transmit stamps to read
	budget  int  // of messages from error queues, in the Recv in progress

	// Packets from next to have, taken from cur, are still to be delivered:
	// more than none between two calls of Recv only by again, or after a panic in
	// Deliver.
	cur        *sock
	next, have int

	using    *sock // the one that the Recv in progress keeps open
	packet   transport.Packet
	event    transport.Event
	netErr   transport.NetworkError
	sent     transport.Sent
	control  sockio.Control
	ext      []byte // room for the extension headers of a packet
	extLen   int    // of the packet that was loaded last
	lostTold uint64 // of queue.lost, what events have told
	taken    uint64 // packets in all

	// Counters since the Recv in progress began.
	received, bytes, delivered uint64
	dropped                    transport.Drops
	malformed                  [transport.NumMalformed]uint64
	bad                        bool // dropped or malformed is not all zero
}

func (r *receiver) init(batch int, receives bool) {
	r.ready = make([]*sock, 0, len(r.events))
	r.errs = make([]*sock, 0, len(r.events))
	if !receives {
		return
	}
	r.mem = make([]byte, batch*stride)
	r.ext = make([]byte, sockio.ExtControl)
	r.msg4 = sockio.NewMessages(batch, sockio.RecvControl)
	r.msg6 = sockio.NewMessages(batch, sockio.RecvControl6)
	for i := range batch {
		b := r.mem[i*stride : (i+1)*stride]
		r.msg4.Data(i, b[:65535])
		r.msg6.Data(i, b[40:40+65535])
	}
}

// Recv implements [transport.Queue]. Packets of one family and protocol come
// in order of arrival.
func (q *queue) Recv(s transport.Sink, limit int) (n int, err error) {
	if !q.t.calls.Enter() {
		return 0, net.ErrClosed
	}
	defer q.endRecv()
	if q.t.cfg.SendOnly {
		return 0, unsupported("receiving with SendOnly")
	}
	r := &q.rx
	if !r.fresh {
		q.poll(0)
	}
	r.fresh = false
	single := r.single
	r.single = false // the packet of a panic stays as it is until the next Recv
	r.budget = maxReports
	q.tell(s)
	if q.links.err != nil {
		return 0, q.links.err
	}
	if r.next < r.have {
		q.tellReports(s) // before the packets they may be about
	}
	// Packets that are dropped do not count towards limit, but must not keep
	// the caller here for ever either.
	for most := min(max(limit, 0), 1<<30) + r.batch(); n < limit && most > 0; {
		if r.next == r.have {
			if err := r.fetch(limit - n); err != nil {
				return n, err
			}
			q.tellReports(s) // likewise
			if r.have == 0 {
				break
			}
		}
		if r.using != r.cur && !q.use() {
			continue
		}
		before := r.next
		n += q.deliver(s, limit-n)
		most -= r.next - before
	}
	q.tellReports(s)
	r.single = single
	return n, nil
}

// again takes what packets there are from the socket that had the last ones, if it
// was the only one, and reports whether there are any. They stay for Recv, as after
// a panic.
func (r *receiver) again(now time.Duration) bool {
	if !r.single || r.cur == nil || r.cur.dead.Load() || !r.guess.Try(now) || !r.cur.acquire() {
		return false
	}
	defer r.cur.release()
	n, _ := r.messages().Receive(r.cur.fd, r.batch()) // an error that goes on comes again
	r.guess.Found(n > 0)
	if n == r.batch() || n == sockio.MaxReceive {
		r.single = false // it has more than comes alone: the others get their turn
	}
	r.next, r.have = 0, n
	r.fresh = n > 0
	return n > 0
}

// endRecv ends a Recv, also one that a panic passes through.
func (q *queue) endRecv() {
	r := &q.rx
	if r.using != nil {
		r.using.release()
		r.using = nil
	}
	if r.received > 0 {
		r.taken += r.received
		q.flush()
	}
	q.t.calls.Leave()
}

// flush adds what the receiver has counted to the statistics.
func (q *queue) flush() {
	r := &q.rx
	q.mu.Lock()
	defer q.mu.Unlock()
	st := &q.stats
	st.Received += r.received
	st.ReceivedBytes += r.bytes
	st.Delivered += r.delivered
	r.received, r.bytes, r.delivered = 0, 0, 0
	if !r.bad {
		return
	}
	for i, c := range r.dropped {
		st.Dropped[i] += c
	}
	for i, c := range r.malformed {
		st.Malformed[i] += c
	}
	r.dropped = transport.Drops{}
	r.malformed = [transport.NumMalformed]uint64{}
	r.bad = false
}

func (r *receiver) batch() int { return len(r.msg4.Hdr) }

// messages returns the headers that the packets of cur are in.
func (r *receiver) messages() *sockio.Messages {
	if r.cur.v6 {
		return &r.msg6
	}
	return &r.msg4
}

// fetch takes up to want packets from the next socket that has some. have is 0
// afterwards if there are none.
func (r *receiver) fetch(want int) error {
	want = min(want, r.batch())
	r.next, r.have = 0, 0
	for len(r.ready) > 0 {
		s := r.ready[0]
		n := copy(r.ready, r.ready[1:])
		r.ready = r.ready[:n]
		if !s.acquire() {
			continue
		}
		if r.using != nil {
			r.using.release()
		}
		r.using, r.cur = s, s
		m := r.messages()
		got, errno := m.Receive(s.fd, want)
		if errno != 0 && errno != unix.EAGAIN {
			// An error that came in by itself is reported once; the socket
			// goes on.
			got, errno = m.Receive(s.fd, want)
		}
		if errno != 0 && errno != unix.EAGAIN {
			return opError("read", "recvmmsg", errno)
		}
		if got == want {
			// There may be more. The others come first.
			r.ready = append(r.ready, s)
		}
		if got > 0 {
			r.have = got
			return nil
		}
	}
	return nil
}

// use keeps the socket of packets left over by a panic open, or drops them if
// it is closed already.
func (q *queue) use() bool {
	r := &q.rx
	if r.cur.acquire() {
		if r.using != nil {
			r.using.release()
		}
		r.using = r.cur
		return true
	}
	r.discard()
	return false
}

// discard drops the packets left over.
func (r *receiver) discard() {
	for ; r.next < r.have; r.next++ {
		r.count(r.next)
		r.drop(transport.Closed)
	}
}

// deliver hands on up to limit of the packets that were fetched.
func (q *queue) deliver(s transport.Sink, limit int) (n int) {
	r := &q.rx
	for r.next < r.have && n < limit {
		i := r.next
		if r.cur.dead.Load() {
			r.next++
			r.count(i)
			r.drop(transport.Closed)
			continue
		}
		bad := r.load(i)
		if q.lost.Load() != r.lostTold {
			q.tellLost(s)
		}
		// From here on the packet is done with, even if Deliver panics.
		r.next++
		r.count(i)
		if bad != wire.NotMalformed {
			r.malformed[bad]++
			r.drop(transport.Malformed)
			continue
		}
		if q.t.excluded(&r.packet) {
			r.drop(transport.Filtered)
			continue
		}
		r.delivered++
		n++
		s.Deliver(&r.packet)
	}
	return n
}

func (r *receiver) drop(why transport.DropReason) {
	r.dropped[why]++
	r.bad = true
}

// tell hands on the events that are due.
func (q *queue) tell(s transport.Sink) {
	if q.links.changed {
		q.links.tell(s)
	}
	if q.lost.Load() != q.rx.lostTold {
		q.tellLost(s)
	}
}

func (q *queue) tellLost(s transport.Sink) {
	r := &q.rx
	lost := q.lost.Load()
	r.event = transport.Event{Kind: transport.PacketsLost, Lost: lost - r.lostTold}
	r.lostTold = lost
	s.Event(&r.event)
}
