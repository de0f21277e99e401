// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
)

// incoming is what is known of a packet on its way in.
type incoming struct {
	q *queue
	p transport.Packet
}

// receiving is a transport as the carrier of what comes in.
type receiving struct{ *Transport }

// Get implements [Carrier].
func (r receiving) Get(n int) []byte { return r.memory.get(n) }

// Put implements [Carrier].
func (r receiving) Put(b []byte) { r.memory.put(b) }

// Arrive implements [Carrier].
func (r receiving) Arrive(p *Packet[incoming]) {
	q := p.Meta.q
	pk := p.Meta.p
	if !r.load(&pk, p.Data) {
		r.memory.put(p.Data)
		return
	}
	*q.ready.Add() = arrival{pk, p.Data}
	q.inner.Wake()
}

// Note implements [Carrier].
func (r receiving) Note(f Fate, p *Packet[incoming]) {
	reason := transport.DropNone
	switch f {
	case Lost:
		reason = transport.LinkLoss
	case QueueDropped:
		reason = transport.QueueFull
	case TooBig:
		reason = transport.TooBig
	case Filtered:
		reason = transport.Filtered
	case Cleared:
		reason = transport.Closed
	default:
		return
	}
	r.received(len(p.Data))
	r.stats.Dropped[reason]++
}

func (t *Transport) received(n int) {
	t.stats.Received++
	t.stats.ReceivedBytes += uint64(n)
}

// load makes p, which came as it is, the packet that b is now; it is counted if
// that is malformed.
func (t *Transport) load(p *transport.Packet, b []byte) bool {
	flags := p.Type().Flag() | p.TimeSource().Flag() | p.Checksum().Flag()
	if p.VLAN() {
		flags |= transport.FlagVLAN
	}
	var unknown transport.Field
	for f := transport.Field(1); f <= transport.FieldDst; f <<= 1 {
		if !p.Known(f) {
			unknown |= f
		}
	}
	total := uint32(0)
	if p.Truncated() {
		total = p.Len
	}
	m := p.Load(b, transport.Arrival{
		Time: p.UnixNano(), Len: total, IfIndex: p.IfIndex, FragSize: p.FragSize, Flags: flags | transport.Unknown(unknown),
	})
	if m == wire.NotMalformed {
		return true
	}
	t.received(len(b))
	t.stats.Dropped[transport.Malformed]++
	t.stats.Malformed[m]++
	return false
}

// mend writes the checksum of an IPv4 header that was verified below, and then
// changed: kernels fill options in and leave it as it was. What is wrong with
// the copy of a packet must be what the pipeline did.
func mend(p *transport.Packet) {
	if p.Is6() || p.HeaderLen() == wire.IPv4HeaderLen {
		return
	}
	if h := wire.IPv4(p.Header()); !checksum.Verify(h) {
		h.SetChecksum(0)
		h.SetChecksum(checksum.Checksum(h))
	}
}

// A collector is the sink of the queue below.
type collector struct {
	q         *queue
	sink      transport.Sink
	delivered int
	packet    transport.Packet // that is being delivered, unless it is as it came
}

// Deliver implements [transport.Sink].
func (c *collector) Deliver(p *transport.Packet) {
	q, t := c.q, c.q.t
	mend(p)
	t.mu.Lock()
	number := t.in.Offer(len(p.Data))
	if t.in.Stats().InFlight+uint64(q.ready.Len()) >= uint64(t.limit) {
		t.in.Refuse(QueueDropped)
		t.received(len(p.Data))
		t.stats.Dropped[transport.QueueFull]++
		t.mu.Unlock()
		return
	}
	o, out := Kept, []byte(nil)
	switch {
	case q.ready.Len() > 0:
		t.in.Push(number, p.Data, false, incoming{q, *p}, t.read())
	case t.cleanIn: // it needs no time
		o, out = t.in.Through(number, p.Data, incoming{q, *p}, t.now)
	default:
		o, out = t.in.Through(number, p.Data, incoming{q, *p}, t.read())
	}
	t.arm()
	if o != Passed {
		t.mu.Unlock()
		return
	}
	if changed := &out[0] != &p.Data[0]; changed {
		q.current, c.packet = out, *p
		p = &c.packet
		if !t.load(p, out) {
			q.settle()
			t.mu.Unlock()
			return
		}
	}
	q.deliver(c, p)
}

// deliver hands a packet over. It is called with the transport's lock, which it
// gives up. If the sink panics, the packet stays valid until the next Recv.
func (q *queue) deliver(c *collector, p *transport.Packet) {
	t := q.t
	t.received(len(p.Data))
	t.stats.Delivered++
	c.delivered++
	t.mu.Unlock()
	c.sink.Deliver(p)
	if q.current != nil {
		t.mu.Lock()
		q.settle()
		t.mu.Unlock()
	}
}

// settle ends a delivery: its memory is free again.
func (q *queue) settle() {
	if q.current != nil {
		q.t.memory.put(q.current)
		q.current = nil
	}
}

// Event implements [transport.Sink].
func (c *collector) Event(e *transport.Event) {
	if e.Interface == nil {
		c.sink.Event(e)
		return
	}
	q, t := c.q, c.q.t
	q.event, q.iface = *e, *e.Interface
	q.event.Interface = &q.iface
	t.mu.Lock()
	t.least = min(t.least, q.iface.MTU)
	t.shrink(&q.iface)
	t.mu.Unlock()
	c.sink.Event(&q.event)
}

// maxTaken is how many packets one Recv takes from the transport below, most of
// which may be lost.
const maxTaken = 1024

// Recv implements [transport.Queue].
func (q *queue) Recv(s transport.Sink, limit int) (n int, err error) {
	t := q.t
	if err := t.enter(); err != nil {
		return 0, err
	}
	defer t.leave()
	c := &q.collect
	c.sink, c.delivered = s, 0
	defer func() { c.sink = nil }()
	t.mu.Lock()
	q.settle() // what is left of a panic
	t.mu.Unlock()
	t.catchUp()
	q.tell(s)
	for taken := 0; ; {
		q.deliverReady(c, limit)
		if limit > 0 && c.delivered >= limit {
			return c.delivered, nil
		}
		asked := limit - c.delivered
		k, err := q.inner.Recv(c, asked)
		t.catchUp() // copies, for one
		q.deliverReady(c, limit)
		if err != nil || k < asked || k <= 0 || c.delivered > 0 {
			return c.delivered, err
		}
		// All were lost, and there may be more.
		if taken += k; taken >= maxTaken {
			q.inner.Wake()
			return c.delivered, nil
		}
	}
}

// tell tells the events that wait.
func (q *queue) tell(s transport.Sink) {
	t := q.t
	t.mu.Lock()
	for q.notes.Len() > 0 {
		q.event = *q.notes.At(0)
		q.notes.Drop()
		t.mu.Unlock()
		s.Event(&q.event)
		t.mu.Lock()
	}
	t.mu.Unlock()
}

// deliverReady delivers what has come in, up to the limit.
func (q *queue) deliverReady(c *collector, limit int) {
	t := q.t
	for {
		t.mu.Lock()
		if t.closed || c.delivered >= limit || q.ready.Len() == 0 {
			t.mu.Unlock()
			return
		}
		a := *q.ready.At(0)
		if !t.bound(&a.p) {
			q.discardFirst(transport.NoHandler)
			t.mu.Unlock()
			continue
		}
		q.ready.Drop()
		q.current = a.data
		c.packet = a.p
		q.deliver(c, &c.packet)
	}
}

// discard drops the packets that wait but are not bound any longer.
func (q *queue) discard() {
	for range q.ready.Len() {
		a := *q.ready.At(0)
		if !q.t.bound(&a.p) {
			q.discardFirst(transport.Closed)
			continue
		}
		q.ready.Drop()
		*q.ready.Add() = a
	}
}

// discardFirst drops the first packet that waits.
func (q *queue) discardFirst(reason transport.DropReason) {
	t := q.t
	a := *q.ready.At(0)
	q.ready.Drop()
	t.received(len(a.p.Data))
	t.stats.Dropped[reason]++
	t.memory.put(a.data)
}
