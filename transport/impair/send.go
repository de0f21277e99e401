// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"encoding/binary"
	"errors"
	"net"

	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
)

// outgoing is what a packet on its way out is sent with.
type outgoing struct {
	q       *queue
	ifindex int32
	frag    transport.FragMode
	stamp   bool
	verify  bool // its IPv4 header checksum was right
	cookie  uint64
}

// sending is a transport as the carrier of what goes out.
type sending struct{ *Transport }

// Get implements [Carrier].
func (s sending) Get(n int) []byte { return s.memory.get(n) }

// Put implements [Carrier].
func (s sending) Put(b []byte) { s.memory.put(b) }

// Arrive implements [Carrier].
func (s sending) Arrive(p *Packet[outgoing]) {
	if s.discards(p.Data, &p.Meta) {
		s.memory.put(p.Data)
		return
	}
	*p.Meta.q.backlog.Add() = outwait{p.Data, p.Meta}
}

// Note implements [Carrier].
func (s sending) Note(Fate, *Packet[outgoing]) {}

// discards reports whether the first router would drop a packet, and counts it.
func (t *Transport) discards(b []byte, m *outgoing) bool {
	if !m.verify || len(b) >= 20 && b[0]>>4 == 4 && headerVerifies(b) {
		return false
	}
	t.discarded++
	return true
}

// headerVerifies reports whether the checksum of an IPv4 header is right.
func headerVerifies(b []byte) bool {
	n := int(b[0]&15) * 4
	return n >= 20 && n <= len(b) && checksum.Verify(b[:n])
}

// Reserve implements [transport.Queue]. The slots are memory of the decorator.
func (q *queue) Reserve(b *transport.Batch, n int) error {
	t := q.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	if n < 1 {
		return nil
	}
	if !q.room() {
		q.starved = true
		return transport.ErrNoSlots
	}
	for range min(n, t.caps.Batch-q.lent.n) {
		b.Slots = append(b.Slots, q.lent.lend(&t.memory, t.caps.MaxPacket))
	}
	return nil
}

// room reports whether there are slots.
func (q *queue) room() bool {
	t := q.t
	return q.lent.n < t.caps.Batch && t.out.Stats().InFlight+uint64(q.backlog.Len()) < uint64(t.limit)
}

// Commit implements [transport.Queue]. Of an IPv4 header whose checksum or total
// length is zero it fills these in, where there are stages that look at them.
// Errors: those of the transport below; *[transport.TooBigError] for a packet
// above the MTU of a stage that refuses it.
func (q *queue) Commit(b *transport.Batch, n int) (sent int, err error) {
	t := q.t
	if err := t.enter(); err != nil {
		return 0, err
	}
	defer t.leave()
	sent, err = q.commitAll(b, n)
	if len(t.queues) > 1 {
		t.catchUp()
	}
	return sent, err
}

// commitAll is Commit for one queue.
func (q *queue) commitAll(b *transport.Batch, n int) (sent int, err error) {
	t := q.t
	q.sending.Lock()
	defer q.sending.Unlock()
	n = max(0, min(n, len(b.Slots)))
	t.mu.Lock()
	q.take(b.Slots[n:])
	if _, ok := t.next(); ok {
		t.fire(t.read())
	}
	t.mu.Unlock()
	b.Truncate(n)
	if !q.flush() && n > 0 && t.passes() {
		// Nothing overtakes what waits for room below.
		n = 0
		err = transport.ErrNoSlots
	}
	switch {
	case n == 0:
	case t.passes():
		sent, err = q.direct(b.Slots[:n])
	default:
		for sent < n && err == nil {
			if err = q.commit(&b.Slots[sent]); err == nil {
				sent++
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q.take(b.Slots[:sent])
	b.Shift(sent)
	t.stats.Committed += uint64(sent)
	switch err {
	case nil:
	case transport.ErrNoSlots:
		q.starved = true
	default:
		t.stats.Refused++
	}
	if q.starved && q.room() {
		q.inner.Wake()
	}
	return sent, err
}

// take takes slots back.
func (q *queue) take(slots []transport.Slot) {
	for i := range slots {
		q.lent.giveBack(&q.t.memory, &slots[i])
	}
}

// passes reports whether packets need not go through the pipe, for their order
// or for anything else.
func (t *Transport) passes() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _, busy := t.out.Next()
	return t.cleanOut && !busy
}

// direct sends packets that nothing happens to.
func (q *queue) direct(slots []transport.Slot) (sent int, err error) {
	for sent < len(slots) && err == nil {
		var k int
		k, err = q.below(slots[sent:])
		sent += k
	}
	t := q.t
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range slots[:sent] {
		t.out.Through(t.out.Offer(len(slots[i].Data)), slots[i].Data, outgoing{}, t.now)
	}
	return sent, err
}

// below commits packets to the queue below, as many as it has slots for.
func (q *queue) below(slots []transport.Slot) (sent int, err error) {
	if err := q.inner.Reserve(&q.batch, len(slots)); err != nil {
		return 0, err
	}
	n, bytes := 0, 0
	for n < len(slots) && n < len(q.batch.Slots) {
		from, to := &slots[n], &q.batch.Slots[n]
		if len(from.Data) > cap(to.Data) {
			err = &transport.TooBigError{Size: len(from.Data), MTU: cap(to.Data)}
			break
		}
		to.Data = append(to.Data, from.Data...)
		to.IfIndex, to.Frag, to.Stamp, to.Cookie = from.IfIndex, from.Frag, from.Stamp, from.Cookie
		n++
	}
	sent, e := q.inner.Commit(&q.batch, n)
	if e != nil {
		err = e
		q.inner.Commit(&q.batch, 0) // it gives slots back, and what it says of nothing does not matter
	}
	q.batch.Slots = q.batch.Slots[:0]
	for _, s := range slots[:sent] {
		bytes += len(s.Data)
	}
	q.t.mu.Lock()
	q.t.stats.Sent += uint64(sent)
	q.t.stats.SentBytes += uint64(bytes)
	q.t.mu.Unlock()
	return sent, err
}

// commit sends one packet through the pipe.
func (q *queue) commit(s *transport.Slot) error {
	t := q.t
	verify, ok := prepare(s.Data)
	if !ok || len(s.Data) > t.caps.MaxPacket { // the transport below says what is wrong
		return q.one(s)
	}
	big := t.tooBig(s)
	t.mu.Lock()
	number := t.out.Offer(len(s.Data))
	if big != nil {
		t.out.Refuse(TooBig)
		t.mu.Unlock()
		return big
	}
	meta := outgoing{q, s.IfIndex, s.Frag, s.Stamp, verify, s.Cookie}
	o, out := Kept, []byte(nil)
	if q.backlog.Len() == 0 {
		o, out = t.out.Through(number, s.Data, meta, t.read())
	} else {
		t.out.Push(number, s.Data, false, meta, t.read())
	}
	discarded := o == Passed && t.discards(out, &meta)
	t.fire(t.now) // copies, for one
	t.mu.Unlock()
	var err error
	if o == Passed {
		changed := &out[0] != &s.Data[0]
		if !discarded {
			sent := *s
			sent.Data = out
			err = q.one(&sent)
		}
		t.mu.Lock()
		if errors.Is(err, transport.ErrNoSlots) {
			if !changed {
				out, changed = t.memory.get(len(s.Data)), true
				copy(out, s.Data)
			}
			*q.backlog.Add() = outwait{out, meta}
			err = nil
		} else if changed {
			t.memory.put(out)
		}
		t.mu.Unlock()
	}
	q.flush()
	return err
}

// one sends one packet by the queue below.
func (q *queue) one(s *transport.Slot) error {
	q.single[0] = *s
	_, err := q.below(q.single[:])
	return err
}

// prepare makes a header complete that stages will look at: an IPv4 total
// length and checksum of zero are filled in. verify reports whether the
// checksum is right, ok whether the header says how long the packet is.
func prepare(b []byte) (verify, ok bool) {
	v4 := len(b) >= 20 && b[0]>>4 == 4
	if v4 && b[2]|b[3] == 0 {
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	}
	var p transport.Packet
	if p.Load(b, transport.Arrival{Flags: transport.FlagHeaderVerified}) != wire.NotMalformed || int(p.Len) != len(b) {
		return false, false
	}
	if v4 && b[10]|b[11] == 0 {
		binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:p.HeaderLen()]))
	}
	return v4 && headerVerifies(b), true
}
