// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"time"

	"protean/proto"
	"protean/transport"
)

const (
	defaultHeld = 4096     // answers held at once
	maxHeldData = 16 << 20 // bytes of packets held at once
	keptData    = 2048     // bytes of a buffer that is kept for use again
)

// A heldQueue holds requests until it is time to answer them. The delay is the
// same for all, so the first to come is the first to go. Its memory grows with
// what is held and is used again.
type heldQueue struct {
	ring  []heldRequest
	first int
	n     int
	bytes int
	timer *proto.Timer
}

// A heldRequest is a copy of a request.
type heldRequest struct {
	due    time.Time
	packet proto.Packet // with Data in memory of its own
	copies int
}

// hold keeps a request for later.
func (r *Responder) hold(env *proto.Env, p *proto.Packet, copies int) error {
	q := &r.held
	if q.n >= r.Config.MaxHeld || q.bytes+len(p.Data) > maxHeldData {
		r.stats.Refused++
		return transport.QueueFull
	}
	if q.n == len(q.ring) {
		q.grow(r.Config.MaxHeld)
	}
	h := &q.ring[(q.first+q.n)%len(q.ring)]
	data := append(h.packet.Data[:0], p.Data...)
	h.packet = *p
	h.packet.Data = data
	h.due, h.copies = env.Now().Add(r.Config.Delay), copies
	q.n++
	q.bytes += len(data)
	if q.n == 1 {
		return q.timer.ResetAt(h.due)
	}
	return nil
}

func (q *heldQueue) grow(limit int) {
	ring := make([]heldRequest, min(limit, max(16, 2*len(q.ring))))
	for i := range q.n {
		ring[i] = q.ring[(q.first+i)%len(q.ring)]
	}
	q.ring, q.first = ring, 0
}

// release answers what is due.
func (r *Responder) release(env *proto.Env) {
	q, now := &r.held, env.Now()
	for q.n > 0 {
		h := &q.ring[q.first]
		if h.due.After(now) {
			_ = q.timer.ResetAt(h.due) // fails on a closed binding only
			return
		}
		q.first = (q.first + 1) % len(q.ring)
		q.n--
		q.bytes -= len(h.packet.Data)
		_ = r.answer(env, &h.packet, h.copies) // counted
		if cap(h.packet.Data) > keptData {
			h.packet.Data = nil
		}
	}
}
