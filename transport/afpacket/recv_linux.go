// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"net"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/ring"
	"protean/transport"
	"protean/transport/internal/pace"
)

// A receiver hands packets on one by one. It is owned by the goroutine in Recv
// or Wait.
type receiver struct {
	tally
	events   [8]unix.EpollEvent
	readable func(uintptr) bool // poll as the runtime's poller wants it, made once

	fresh   bool // poll, or again with packets, was not followed by Recv yet
	room    bool // the sending socket is writable again
	changed bool // an interface or an address

	ifindex  int32
	packet   transport.Packet
	frame    frame
	tag      wire.VLANTag // of packet, while it is delivered
	tagged   bool
	event    transport.Event
	lostTold uint64 // of queue.lost, what events have told
	taken    uint64 // packets in all
	turn     uint   // the source that comes first next time

	unasked int           // calls of Recv since poll
	asked   time.Duration // when drops were read last

	single *source    // without a ring: poll found it alone to have packets, and nothing else, and Recv did not panic
	guess  pace.Guess // whether it has more

	known known // of the policy in force
}

// Recv implements [transport.Queue]. Packets of one family come in order of
// arrival.
func (q *queue) Recv(s transport.Sink, limit int) (n int, err error) {
	if !q.t.calls.Enter() {
		return 0, net.ErrClosed
	}
	defer q.endRecv()
	r := &q.rx
	if r.unasked++; !r.fresh && (r.unasked >= pollEvery || !q.waiting()) {
		q.poll(0)
	}
	if r.fresh {
		r.fresh, r.unasked = false, 0
	}
	single := r.single
	r.single = nil // the packet of a panic stays as it is until the next Recv
	q.tell(s)
	if err := q.t.err(); err != nil {
		return 0, err
	}
	first := r.turn
	r.turn++
	for i := range q.sources {
		src := q.sources[(first+uint(i))%uint(len(q.sources))]
		if src.rx != nil {
			n += q.receiveRing(src, s, limit-n)
			continue
		}
		k, err := q.receive(src, s, limit-n)
		if n += k; err != nil {
			return n, err
		}
	}
	r.single = single
	return n, nil
}

// pollEvery is how many calls of Recv in a row may go by without asking the kernel
// for events, as long as a ring has packets.
const pollEvery = 16

// waiting reports whether a ring has packets.
func (q *queue) waiting() bool {
	for _, s := range q.sources {
		if s.rx != nil && s.rx.HasNext() {
			return true
		}
	}
	return false
}

// endRecv ends a Recv, also one that a panic passes through.
func (q *queue) endRecv() {
	r := &q.rx
	if r.delivered > 0 || r.bad {
		r.taken += q.stats.addTally(&r.tally)
	}
	q.t.calls.Leave()
}

// receive delivers up to limit packets of a source.
func (q *queue) receive(src *source, s transport.Sink, limit int) (n int, err error) {
	// Packets that are dropped do not count towards limit, but must not keep
	// the caller here for ever either.
	for most := min(max(limit, 0), 1<<30) + len(src.msg.Hdr); n < limit && most > 0; {
		if src.next == src.have {
			if !src.ready {
				break
			}
			if errno := src.fetch(limit - n); errno != 0 && errno != unix.EAGAIN {
				q.failed(src)
				if errno != unix.ENETDOWN {
					return n, callError("read", "recvmmsg", errno)
				}
			}
			if src.have == 0 {
				break
			}
		}
		before := src.next
		n += q.deliver(src, s, limit-n)
		most -= src.next - before
	}
	return n, nil
}

// deliver hands on up to limit of the packets that were fetched.
func (q *queue) deliver(src *source, s transport.Sink, limit int) (n int) {
	r := &q.rx
	at := lead
	if !q.t.cfg.Cooked {
		at -= q.t.link.header
	}
	for src.next < src.have && n < limit {
		src.frame(&r.frame, at)
		if r.frame.status&unix.TP_STATUS_LOSING != 0 {
			q.readDrops()
			if q.lost.Load() != r.lostTold {
				q.tellLost(s)
			}
		}
		// From here on the packet is done with, even if Deliver panics.
		src.next++
		if q.take(&r.frame) {
			n++
			s.Deliver(&r.packet)
		}
	}
	return n
}

// take makes r.packet the packet in a frame. It reports whether it is to be
// delivered, and counts it either way.
func (q *queue) take(f *frame) bool {
	r := &q.rx
	b, size, protocol, tagged, bad := f.packet()
	r.bytes += uint64(size)
	if bad != wire.NotMalformed {
		r.malformed[bad]++
		r.drop(transport.Malformed)
		return false
	}
	a := transport.Arrival{Time: f.time, IfIndex: r.ifindex, Flags: f.flags()}
	if f.time == 0 {
		a.Time = time.Now().UnixNano()
		a.Flags |= transport.TimeUser.Flag()
	}
	if r.tagged = false; tagged {
		a.Flags |= transport.FlagVLAN
		r.tag, r.tagged = f.tag()
	}
	if q.merged(f.status, int(size)) {
		a.Flags |= transport.FlagMerged
	}
	return q.load(b, protocol, a)
}

// merged reports whether a packet of so many bytes is several segments. The kernel
// says so of TCP (TP_STATUS_GSO_TCP). It does not of UDP, whose checksum in such
// packets was verified, or left to a device: so may be those of one datagram, from
// which several that fit the MTU together cannot be told. Only a header in front of
// each packet says it (PACKET_VNET_HDR), which would be in the way of all others.
func (q *queue) merged(status uint32, size int) bool {
	if status&ring.StatusGSOTCP != 0 {
		return true
	}
	f := q.t.status.Load()
	return f != nil && size > f.MTU && !q.t.cfg.Defrag && status&(ring.StatusCsumNotReady|ring.StatusCsumValid) != 0
}

// discard drops what a source still has.
func (r *receiver) discard(s *source) {
	for ; s.next < s.have; s.next++ {
		r.drop(transport.Closed)
	}
}

// tell hands on the events that are due.
func (q *queue) tell(s transport.Sink) {
	r := &q.rx
	if r.changed {
		r.changed = false
		q.tellLinks(s)
	}
	q.tx.failures.tell(s)
	if q.lost.Load() != r.lostTold {
		q.tellLost(s)
	}
}

// tellLinks hands on what has changed at the interface, after the transport has
// taken it in.
func (q *queue) tellLinks(s transport.Sink) {
	t, r := q.t, &q.rx
	if orphaned(q.sources[0].fd) {
		// It may have been down before, so that there is no error at the socket, and be
		// back under the same number, so that the list is the same.
		t.interfaceGone()
	}
	if !t.links.Look() {
		return
	}
	t.refresh()
	t.followed.Store(0) // which may have known it better
	t.links.Tell(func(f *transport.Interface) {
		if f.Index != t.link.index {
			return
		}
		if f.Removed {
			t.interfaceGone()
		}
		for _, other := range t.queues {
			other.tx.ring.again(other) // with what waits for the link to come up
		}
		r.event = transport.Event{Kind: transport.LinkChanged, Interface: f}
		s.Event(&r.event)
	})
}

func (q *queue) tellLost(s transport.Sink) {
	r := &q.rx
	lost := q.lost.Load()
	r.event = transport.Event{Kind: transport.PacketsLost, Lost: lost - r.lostTold}
	r.lostTold = lost
	s.Event(&r.event)
}
