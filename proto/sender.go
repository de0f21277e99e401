// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"context"

	"protean/transport"
)

// A Sender sends packets in bulk from one goroutine, beside the loop and
// without its lock. Packets gather until Flush, or until a batch is full.
type Sender struct {
	b      *Binding
	o      outbox
	turns  uint64
	closed bool
}

// NewSender returns a sender for packets of b's protocol. It may be used by one
// goroutine at a time. What waits for Flush is in memory of the transport, of which there
// is little: who does not go on closes the Sender.
func (b *Binding) NewSender() *Sender {
	s := &Sender{b: b}
	s.o.init(b.host, &b.host.queues[0].tx)
	s.o.bulk = true
	return s
}

// Reserve opens a slot for a packet, as Env.Reserve does. When there is no
// room it returns ErrNoSlots; Wait waits for some.
func (s *Sender) Reserve(hd Header, n int) (*Slot, error) {
	if s.closed || s.b.users.Load() < 0 {
		return nil, errClosed
	}
	if s.o.n == 0 {
		s.o.nowOK = false // one look at the clock for what is sent together
	}
	s.turns = s.b.host.turns.Load()
	return s.o.reserveFor(s.b, &hd, n)
}

// Send is Reserve, copy and Commit in one.
func (s *Sender) Send(hd Header, payload []byte) error {
	sl, err := s.Reserve(hd, len(payload))
	if err != nil {
		return err
	}
	copy(sl.Payload(), payload)
	return sl.Commit()
}

// Flush hands what was committed to the transport. The error is that of the
// first packet that cannot be sent: it is dropped and counted, what follows it
// stays for the next Flush. ErrNoSlots means that there is no room now. When the
// binding is closed, what was committed is dropped, and the error is
// net.ErrClosed.
func (s *Sender) Flush() error {
	if s.o.slot.open {
		return ErrSlotOpen
	}
	if !s.b.enter() { // so that Close waits, and counts what is sent
		s.o.drain(transport.Closed)
		return errClosed
	}
	defer s.b.leave()
	if s.o.n == 0 {
		s.o.giveBack()
		return nil
	}
	s.turns = s.b.host.turns.Load()
	_, err := s.o.flush()
	if s.o.n == 0 {
		s.o.giveBack()
	}
	return err
}

// Close drops, and counts, what waits for Flush, and gives the transport its memory back.
// It is idempotent, and not needed where Flush has returned nil, or net.ErrClosed. The
// error is always nil.
func (s *Sender) Close() error {
	s.closed = true
	s.o.drain(transport.Closed)
	return nil
}

// Pending returns the number of packets that wait for Flush.
func (s *Sender) Pending() int { return s.o.n }

// Wait blocks until there is room to send again, or until cancel, which may be
// nil, is closed: then it returns context.Canceled. Errors: ErrStepped if the
// host is driven by Poll; ErrOnLoop inside a callback.
func (s *Sender) Wait(cancel <-chan struct{}) error {
	if s.b.host.stepped() {
		return ErrStepped
	}
	if onLoop() {
		return ErrOnLoop
	}
	select {
	case <-s.b.host.room(s.turns):
		return nil
	case <-s.b.closing:
		return errClosed
	case <-cancel:
		return context.Canceled
	}
}

// room returns a channel that is closed when there is room to send.
func (h *Host) room(turns uint64) <-chan struct{} {
	h.roomMu.Lock()
	defer h.roomMu.Unlock()
	if h.turns.Load() != turns {
		return closedChan() // there may have been room in the meantime
	}
	if h.roomC == nil {
		h.roomC = make(chan struct{})
	}
	return h.roomC
}

func closedChan() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// roomFound tells those who wait in room.
func (h *Host) roomFound() {
	h.roomMu.Lock()
	defer h.roomMu.Unlock()
	if h.roomC != nil {
		close(h.roomC)
		h.roomC = nil
	}
}
