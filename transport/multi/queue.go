// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"protean/transport"
)

// A queue is one of a member's, for which it receives. It sends through any
// member's first queue, and through its own.
type queue struct {
	m    *member
	q    transport.Queue
	sink sink

	tx sync.Mutex // held while anyone reserves or commits at q

	// Of who sends through this queue.
	run, back, other transport.Batch
	last             choice

	// starving are queues that wait for room here, having reserved in vain.
	starving atomic.Bool
	hungryMu sync.Mutex
	hungry   []*queue
}

var _ transport.Queue = (*queue)(nil)

// Recv implements [transport.Queue].
func (q *queue) Recv(s transport.Sink, limit int) (int, error) {
	if q.m.shift == 0 && len(q.m.t.members) == 1 {
		return q.q.Recv(s, limit)
	}
	if q.starving.Load() {
		q.feed() // while packets come without end, nobody waits
	}
	q.sink.s = s
	return q.q.Recv(&q.sink, limit)
}

// Wait implements [transport.Queue].
func (q *queue) Wait(until time.Time) error {
	err := q.q.Wait(until)
	if q.starving.Load() {
		q.feed()
	}
	return err
}

// Wake implements [transport.Queue].
func (q *queue) Wake() { q.q.Wake() }

// A choice is where packets to a destination go, for as long as one call of
// Commit: to ask for routes may be a system call.
type choice struct {
	dst     netip.Addr
	ifindex int32
	to      *member
}

// feed has the queues look again that found no room here.
func (q *queue) feed() {
	q.hungryMu.Lock()
	defer q.hungryMu.Unlock()
	q.starving.Store(false)
	for _, h := range q.hungry {
		h.q.Wake()
	}
	clear(q.hungry)
	q.hungry = q.hungry[:0]
}

// starve has h woken when there may be room at q.
func (q *queue) starve(h *queue) {
	q.hungryMu.Lock()
	defer q.hungryMu.Unlock()
	if !slices.Contains(q.hungry, h) {
		q.hungry = append(q.hungry, h)
	}
	q.starving.Store(true)
}

// A sink gives what a member receives our indices.
type sink struct {
	m     *member
	s     transport.Sink
	event transport.Event
	iface transport.Interface
}

// Deliver implements [transport.Sink].
func (s *sink) Deliver(p *transport.Packet) {
	if p.IfIndex != 0 {
		p.IfIndex += s.m.shift
	}
	s.s.Deliver(p)
}

// Event implements [transport.Sink].
func (s *sink) Event(e *transport.Event) {
	switch {
	case e.Kind == transport.LinkChanged:
		s.m.t.look()
		if s.m.shift != 0 {
			s.iface = *e.Interface
			s.iface.Index += int(s.m.shift)
			s.event = *e
			s.event.Interface = &s.iface
			e = &s.event
		}
	case e.Kind == transport.ErrorReceived && e.Err.Origin != transport.OriginLocal && !s.m.t.caps.QuotesErrors:
		return // it is taken from the ICMP packets, of which every member has its own
	}
	s.s.Event(e)
}
