// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"encoding/binary"
	"errors"
	"syscall"

	"protean/transport"
)

// transmit sends what has come through the pipe; false means that there is no
// room below.
func (q *queue) transmit() bool {
	q.sending.Lock()
	defer q.sending.Unlock()
	return q.flush()
}

// flush is transmit for who holds q.sending.
func (q *queue) flush() bool {
	t := q.t
	for {
		t.mu.Lock()
		if q.backlog.Len() == 0 {
			t.mu.Unlock()
			return true
		}
		w := *q.backlog.At(0)
		t.mu.Unlock()
		s := transport.Slot{
			Data: w.data, IfIndex: w.meta.ifindex, Frag: w.meta.frag, Stamp: w.meta.stamp, Cookie: w.meta.cookie,
		}
		err := q.one(&s)
		t.mu.Lock()
		if errors.Is(err, transport.ErrNoSlots) {
			t.retryLater()
			t.mu.Unlock()
			return false
		}
		if err != nil {
			q.failed(&w, err)
		}
		q.backlog.Drop()
		t.memory.put(w.data)
		if q.starved && q.room() {
			q.inner.Wake()
		}
		t.mu.Unlock()
	}
}

// maxNotes is how many events about packets that failed wait at most; what is
// above is counted alone.
const maxNotes = 64

// failed counts and reports a packet that cannot be sent after all.
func (q *queue) failed(w *outwait, err error) {
	q.t.failed++
	if q.notes.Len() >= maxNotes {
		return
	}
	e := &transport.NetworkError{Origin: transport.OriginLocal, Time: q.t.now, Cookie: w.meta.cookie, Errno: err}
	var errno syscall.Errno
	var big *transport.TooBigError
	switch {
	case errors.As(err, &big):
		e.Errno, e.MTU = syscall.EMSGSIZE, big.MTU
	case errors.As(err, &errno):
		e.Errno = errno
	}
	var p parsed
	if p.parse(w.data) {
		e.Protocol, e.Src, e.Dst, e.Size = p.protocol, p.src, p.dst, len(w.data)
		if !p.v6 {
			e.ID = uint32(binary.BigEndian.Uint16(w.data[4:]))
		}
	}
	*q.notes.Add() = transport.Event{Kind: transport.ErrorReceived, Err: e}
	q.inner.Wake()
}

// noteLink has it told how an interface is now, once for each interface as long
// as nobody receives.
func (q *queue) noteLink(now *transport.Interface) {
	for i := range q.notes.Len() {
		if e := q.notes.At(i); e.Kind == transport.LinkChanged && e.Interface.Index == now.Index {
			e.Interface = now
			return
		}
	}
	*q.notes.Add() = transport.Event{Kind: transport.LinkChanged, Interface: now}
}

// lent is the memory that a queue has lent as slots. Slot.Ref is 1 plus the
// index into it.
type lent struct {
	bufs [][]byte // nil: not lent
	n    int
}

func (l *lent) lend(m *buffers, size int) transport.Slot {
	i := 0
	for i < len(l.bufs) && l.bufs[i] != nil {
		i++
	}
	if i == len(l.bufs) {
		l.bufs = append(l.bufs, nil)
	}
	l.bufs[i] = m.get(size)
	l.n++
	return transport.Slot{Data: l.bufs[i][:0], Ref: uint64(i + 1)}
}

// giveBack ends the lending of s.
func (l *lent) giveBack(m *buffers, s *transport.Slot) {
	if s.Ref == 0 || s.Ref > uint64(len(l.bufs)) || l.bufs[s.Ref-1] == nil {
		return
	}
	m.put(l.bufs[s.Ref-1])
	l.bufs[s.Ref-1] = nil
	l.n--
}

// Stats implements [transport.StatsReader]. Received are the packets that came
// in and have been delivered or dropped, copies among them; those on their way
// are not counted yet. Committed counts what Commit accepted, Sent what the
// transport below took, copies among it: what was lost between the two is in
// [Transport.Counts].
func (t *Transport) Stats() transport.Stats {
	var below transport.Stats
	if r, ok := transport.As[transport.StatsReader](t.inner); ok {
		below = r.Stats()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Received += below.Dropped.Total()
	s.Lost += below.Lost
	for i, n := range below.Dropped {
		s.Dropped[i] += n
	}
	for i, n := range below.Malformed {
		s.Malformed[i] += n
	}
	return s
}

// Counts returns a snapshot of what the pipelines did.
func (t *Transport) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Counts{Out: t.out.Stats(), In: t.in.Stats(), Failed: t.failed, Discarded: t.discarded}
}
