// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"net"

	"protean/transport"
)

// lent is the memory that a queue has lent as slots. Slot.Ref is 1 plus the
// index into it.
type lent struct {
	bufs [batch][]byte // nil: not lent
	n    int
}

// lend returns the index of a place that is not lent.
func (l *lent) lend(buf []byte) uint64 {
	for i := range l.bufs {
		if l.bufs[i] == nil {
			l.bufs[i] = buf
			l.n++
			return uint64(i + 1)
		}
	}
	return 0 // not reached: the caller checked n
}

// owns reports whether the slot's packet is in the memory that was lent for
// it, from its start on.
func (l *lent) owns(s *transport.Slot) bool {
	if s.Ref == 0 || s.Ref > batch || len(s.Data) == 0 {
		return false
	}
	buf := l.bufs[s.Ref-1]
	return buf != nil && &buf[:1][0] == &s.Data[0]
}

// forget ends the lending of s and returns its memory; nil if it is not lent.
func (l *lent) forget(s *transport.Slot) []byte {
	if s.Ref == 0 || s.Ref > batch || l.bufs[s.Ref-1] == nil {
		return nil
	}
	buf := l.bufs[s.Ref-1]
	l.bufs[s.Ref-1] = nil
	l.n--
	return buf
}

// Reserve implements [transport.Queue]. A queue lends at most Caps.Batch slots
// at a time.
func (q *queue) Reserve(b *transport.Batch, n int) error {
	t := q.t
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if err := t.usable(); err != nil {
		return err
	}
	if n < 1 {
		return nil
	}
	if t.sending {
		t.unordered()
	}
	if t.lent.n == batch {
		t.starved = true
		return transport.ErrNoSlots
	}
	for range min(n, batch-t.lent.n) {
		buf := t.net.bufs.get(maxPacket)
		b.Append(buf[:0], t.lent.lend(buf))
	}
	return nil
}

// Commit implements [transport.Queue]. Of an IPv4 header it fills in the
// checksum, and a total length, an identification or a source address of zero;
// of an IPv6 header nothing. Errors: *[transport.TooBigError] (larger than the
// MTU of the way it takes); *net.OpError around a [wire.Malformed], or around
// syscall.ENETUNREACH, ENODEV or ENETDOWN; [transport.ErrNoSlots] for a slot
// with Stamp set while as many stamps as the queue holds packets have not been
// received; net.ErrClosed.
func (q *queue) Commit(b *transport.Batch, n int) (sent int, err error) {
	t := q.t
	nw := t.net
	nw.mu.Lock()
	defer nw.mu.Unlock()
	if err := t.usable(); err != nil {
		return 0, err
	}
	n = max(0, min(n, len(b.Slots)))
	for i := n; i < len(b.Slots); i++ {
		t.giveBack(&b.Slots[i])
	}
	b.Truncate(n)
	if n > 0 {
		now := nw.clock()
		for sent < n {
			s := &b.Slots[sent]
			if err = t.send(s, now); err != nil {
				break
			}
			t.stats.SentBytes += uint64(len(s.Data))
			t.giveBack(s)
			sent++
		}
		b.Shift(sent)
		t.stats.Committed += uint64(sent)
		t.stats.Sent += uint64(sent)
	}
	switch err {
	case nil:
	case transport.ErrNoSlots:
		t.starved = true
	default:
		t.stats.Refused++
	}
	t.relieve()
	nw.changed()
	if sent > 0 && nw.inBubble() {
		t.sends()
	}
	return sent, err
}

func (t *Transport) giveBack(s *transport.Slot) {
	if buf := t.lent.forget(s); buf != nil {
		t.net.bufs.put(buf[:0])
	}
}

// relieve tells whoever was refused slots when there is room again. In a live
// network Wait does the rest.
func (t *Transport) relieve() {
	if t.starved && t.room() {
		t.starved = t.net.cfg.Live
		t.ready()
	}
}

// room reports whether what ErrNoSlots was about is over.
func (t *Transport) room() bool { return t.lent.n < batch && t.stamps < t.limit }

func (t *Transport) usable() error {
	if t.closed {
		return net.ErrClosed
	}
	return nil
}
