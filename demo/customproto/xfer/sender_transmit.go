// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"encoding/binary"
	"errors"

	"protean/proto"
)

// transmit sends as much as may be sent now: as the congestion controller, the
// receiver and the application let it.
func (s *Sender) transmit(env *proto.Env) {
	if s.state != sending || s.waits {
		return
	}
	now := s.now(env)
	sent := false
	for window := s.cc.window(); s.inFlight < window; {
		block, ok := s.pick()
		s.short = !ok
		if !ok {
			s.cc.onLimited(s.inFlight)
			break
		}
		if wait := s.cc.wait(now); wait > 0 {
			s.pacer.Reset(wait)
			break
		}
		err := s.sendBlock(env, block)
		if errors.Is(err, proto.ErrNoSlots) {
			s.waits = true
			env.OnRoom(s.room)
			break
		}
		if err != nil {
			s.end(env, err)
			return
		}
		sent = true
	}
	switch {
	case sent:
		s.retry.Reset(s.rtt.rto(s.vain))
	case s.inFlight == 0:
		s.retry.Reset(pingInterval)
	}
}

// pick returns the block to send next: one that was lost, or else a new one if
// it is filled in and the receiver has room for it.
func (s *Sender) pick() (block uint32, ok bool) {
	for s.resend = max(s.resend, s.una); s.resend < s.next; s.resend++ {
		if s.flight(s.resend).state == lost {
			return s.resend, true
		}
	}
	b := s.next
	ready := b < s.limit && b < s.offer.blocks() && s.blockEnd(b) <= s.filled
	return b, ready
}

// flight returns what is known of a block that was sent and is not below una.
func (s *Sender) flight(block uint32) *flight { return &s.sent[block%uint32(len(s.sent))] }

// blockEnd is the offset at which a block ends.
func (s *Sender) blockEnd(block uint32) int64 {
	return min(int64(block+1)*int64(s.offer.block), s.offer.Size)
}

// sendBlock sends a block, straight from the window into the packet's slot.
func (s *Sender) sendBlock(env *proto.Env, block uint32) error {
	n := s.offer.blockLen(block)
	slot, err := reserve(env, s.hd, kindData, s.conn, s.number+1, 4+n)
	if err != nil {
		return err
	}
	b := slot.Payload()
	binary.BigEndian.PutUint32(b[headerLen:], block)
	copy(b[dataLen:], s.buf.at(block, n))
	if err := send(slot); err != nil {
		return err
	}
	s.number++
	s.stats.Packets++
	f := s.flight(block)
	again := block < s.next
	if again {
		s.stats.Resent++
	} else {
		s.next++
	}
	*f = flight{number: s.number, state: inFlight, resent: again}
	s.cc.onSent(f, s.now(env), s.inFlight)
	s.inFlight++
	return nil
}

// probe is called when acknowledgements have stopped coming. If packets are on
// their way, the first two of them are sent again, whatever the window; the
// answer will show what became of the others. If none are, since the receiver
// has no room or the application is slow, a PING keeps the transfer alive.
func (s *Sender) probe(env *proto.Env) {
	n := 0
	for b := s.una; b < s.next && n < 2; b++ {
		f := s.flight(b)
		if f.state == arrived {
			continue
		}
		if f.state == inFlight {
			s.inFlight--
		}
		if err := s.sendBlock(env, b); err != nil {
			break // there is no room, as it seems: try again later
		}
		n++
	}
	if n == 0 {
		s.sendPing(env)
		return
	}
	s.retry.Reset(s.rtt.rto(s.vain))
}
