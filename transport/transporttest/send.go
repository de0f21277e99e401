// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"errors"
	"time"

	"protean/transport"
)

// pause gives a transport without slots the time to get some. Helpers that
// send do not call Wait, which belongs to the goroutine that receives.
func pause() { time.Sleep(time.Millisecond) }

// queue returns the queue through which an endpoint sends.
func (e *Endpoint) queue() transport.Queue { return e.Transport.Queues()[0] }

// reserve makes b hold n slots.
func (x *trial) reserve(q transport.Queue, b *transport.Batch, n int) {
	x.step("reserving %d slots", n)
	for len(b.Slots) < n {
		before := len(b.Slots)
		switch err := q.Reserve(b, n-before); {
		case errors.Is(err, transport.ErrNoSlots):
			pause()
		case err != nil:
			x.fatalf("Reserve: %v", err)
		case len(b.Slots) <= before || len(b.Slots) > n:
			x.fatalf("Reserve of %d appended %d slots", n-before, len(b.Slots)-before)
		}
	}
}

// fill makes packet the content of s.
func (x *trial) fill(s *transport.Slot, packet []byte) {
	if cap(s.Data) < len(packet) {
		x.fatalf("a slot has room for %d bytes, a packet has %d", cap(s.Data), len(packet))
	}
	s.Data = append(s.Data[:0], packet...)
}

// commit sends the first n packets of b, waiting for room, and gives the other
// slots back.
func (x *trial) commit(q transport.Queue, b *transport.Batch, n int) {
	x.step("committing %d packets", n)
	for ; ; pause() {
		sent, err := q.Commit(b, n)
		x.account(b, n, sent, err)
		if err == nil {
			return
		}
		if !errors.Is(err, transport.ErrNoSlots) {
			x.fatalf("Commit of %d good packets sent %d: %v", n, sent, err)
		}
		n -= sent
	}
}

// account checks what a Commit of n packets must leave in b.
func (x *trial) account(b *transport.Batch, n, sent int, err error) {
	switch {
	case sent < 0 || sent > n:
		x.fatalf("Commit of %d packets says that it sent %d", n, sent)
	case (err == nil) != (sent == n):
		x.fatalf("Commit of %d packets sent %d with error %v", n, sent, err)
	case len(b.Slots) != n-sent:
		x.fatalf("Commit of %d packets sent %d and left %d slots in the batch", n, sent, len(b.Slots))
	}
}

// send sends packets from e, a window's worth at a time at most.
func (x *trial) send(e *Endpoint, packets ...[]byte) {
	q := e.queue()
	most := max(1, min(e.Transport.Caps().Batch, x.cfg.Window))
	var b transport.Batch
	for len(packets) > 0 {
		n := min(most, len(packets))
		x.reserve(q, &b, 1)
		if err := q.Reserve(&b, n-1); err != nil && !errors.Is(err, transport.ErrNoSlots) {
			x.fatalf("Reserve: %v", err)
		}
		n = len(b.Slots)
		for i := range n {
			x.fill(&b.Slots[i], packets[i])
		}
		x.commit(q, &b, n)
		packets = packets[n:]
	}
}
