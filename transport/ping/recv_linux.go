// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"net"
	"os"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// A receiver takes packets from sockets in batches and hands them on one by
// one. It is owned by the goroutine in Recv or Wait.
type receiver struct {
	mem      []byte
	msg      sockio.Messages // into mem behind headroom
	events   [64]unix.EpollEvent
	readable func(uintptr) bool // poll as the runtime's poller wants it, made once

	ready   []*sock // those that have packets
	turn    int     // moves which of them comes first
	failed  []*sock // those that have errors
	changed bool    // there is news of interfaces
	room    bool    // a socket is writable again
	gone    error   // the configured interface is gone for good

	// Packets from next to have, taken from cur, are still to be delivered:
	// more than none between two calls of Recv only after a panic in Deliver.
	cur        *sock
	next, have int

	packet  transport.Packet
	event   transport.Event
	netErr  transport.NetworkError
	control sockio.Control
	reports sockio.ErrorReader
	lost    uint64          // not told yet
	count   transport.Stats // since the Recv in progress began
}

func (r *receiver) init(batch int) {
	r.ready = make([]*sock, 0, len(r.events))
	r.failed = make([]*sock, 0, len(r.events))
	r.mem = make([]byte, batch*rxStride)
	r.msg = sockio.NewMessages(batch, recvControl)
	for i := range batch {
		r.msg.Data(i, r.mem[i*rxStride+headroom:(i+1)*rxStride])
	}
}

// Recv implements [transport.Queue]. Packets to one identifier come in order of
// arrival.
func (q *queue) Recv(s transport.Sink, limit int) (n int, err error) {
	if !q.t.calls.Enter() {
		return 0, net.ErrClosed
	}
	defer q.endRecv()
	r := &q.rx
	q.poll()
	if r.changed {
		q.tellLinks(s)
	}
	if r.gone != nil {
		return 0, r.gone
	}
	for most := min(max(limit, 0), 1<<30) + len(r.msg.Hdr); n < limit && most > 0; {
		if r.next == r.have {
			r.fetch(limit - n)
			q.tellErrors(s) // before the packets they may be about
			if r.have == 0 {
				break
			}
		}
		before := r.next
		n += q.deliver(s, limit-n)
		most -= r.next - before
	}
	q.tellErrors(s)
	return n, nil
}

// endRecv ends a Recv, also one that a panic passes through.
func (q *queue) endRecv() {
	if c := &q.rx.count; c.Received > 0 || c.Lost > 0 {
		q.flush()
	}
	q.t.calls.Leave()
}

// flush adds what the receiver has counted to the statistics.
func (q *queue) flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Add(&q.rx.count)
	q.rx.count = transport.Stats{}
}

// fetch takes up to want packets from the next socket that has some. have is 0
// afterwards if there are none.
func (r *receiver) fetch(want int) {
	want = min(want, len(r.msg.Hdr))
	r.next, r.have = 0, 0
	for len(r.ready) > 0 && r.have == 0 {
		r.cur = r.ready[0]
		r.ready = r.ready[:copy(r.ready, r.ready[1:])]
		got, errno := 0, unix.Errno(0)
		// Errors of the network are told here once each, beside the error
		// queue, which has them all.
		for range 8 {
			got, errno = r.msg.Receive(r.cur.fd, want)
			if errno == 0 || errno == unix.EAGAIN {
				break
			}
		}
		if errno == 0 {
			r.have = got
		}
		if r.have == want {
			r.ready = append(r.ready, r.cur) // there may be more; the others come first
		}
	}
}

// deliver hands on up to limit of the packets that were fetched.
func (q *queue) deliver(s transport.Sink, limit int) (n int) {
	r := &q.rx
	for r.next < r.have && n < limit {
		bad := r.load(r.next)
		if r.lost > 0 {
			r.event = transport.Event{Kind: transport.PacketsLost, Lost: r.lost}
			r.lost = 0
			s.Event(&r.event)
		}
		// From here on the packet is done with, even if Deliver panics.
		r.next++
		r.count.Received++
		r.count.ReceivedBytes += uint64(len(r.packet.Data))
		bound := &q.t.bound4
		if r.cur.v6 {
			bound = &q.t.bound6
		}
		switch {
		case bad != wire.NotMalformed:
			r.count.Malformed[bad]++
			r.count.Dropped[transport.Malformed]++
		case !bound.Load():
			r.count.Dropped[transport.NoHandler]++
		default:
			r.count.Delivered++
			n++
			s.Deliver(&r.packet)
		}
	}
	return n
}

// discard drops the packets left over.
func (r *receiver) discard() {
	for ; r.next < r.have; r.next++ {
		r.count.Received++
		r.count.Dropped[transport.Closed]++
	}
}

// tellLinks hands on what has changed of interfaces.
func (q *queue) tellLinks(s transport.Sink) {
	r := &q.rx
	r.changed = false
	q.monitor.Changes(func(f *transport.Interface) {
		if f.Removed && f.Index == q.t.ifindex {
			r.gone = opError("read", os.NewSyscallError("netlink", unix.ENODEV))
		}
		r.event = transport.Event{Kind: transport.LinkChanged, Interface: f}
		s.Event(&r.event)
	})
}
