// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"protean/proto"
	"protean/transport"
)

// lossThreshold is how much later a packet was sent than one taken for lost
// (RFC 9002, section 6.1.1).
const lossThreshold = 3

// onAck takes in what the receiver says has arrived.
func (s *Sender) onAck(env *proto.Env, m packet) error {
	a, ok := parseAck(m.body)
	if !ok || a.highest() > s.next || a.newest > s.number {
		return transport.Malformed
	}
	if s.state == offering {
		s.state = sending
		env.Notify()
	}
	s.stats.Acks++
	s.limit = max(s.limit, a.limit)
	s.newest = max(s.newest, a.newest)

	// Of the packets that this is the first news of, latest was sent last.
	var latest *flight
	arrivals := 0
	arrival := func(block uint32) {
		f := s.flight(block)
		switch f.state {
		case arrived:
			return
		case inFlight:
			s.inFlight--
		}
		f.state = arrived
		arrivals++
		// If it was sent again after what has arrived, it is the first
		// transmission that has arrived, and nobody knows any more when that
		// was sent.
		if f.number <= s.newest && (latest == nil || f.number > latest.number) {
			latest = f
		}
	}
	for s.una < a.next {
		arrival(s.una)
		s.una++
	}
	for i := range a.len() {
		first, end := a.at(i)
		for b := max(first, s.una); b < end; b++ {
			arrival(b)
		}
	}
	if arrivals == 0 {
		return nil
	}
	now := s.now(env)
	if latest != nil && latest.number == a.newest {
		s.rtt.sample(now - latest.sentAt)
	}
	s.detectLost(env, &a)
	s.cc.onAck(latest, arrivals, now, s.inFlight)
	s.retry.Reset(s.rtt.rto(0))
	if s.una == s.offer.blocks() {
		s.tryFinish(env)
	}
	if s.wantsMore() {
		env.Notify()
	}
	return nil
}

// detectLost finds the packets that can be taken for lost, now that later ones
// have arrived.
func (s *Sender) detectLost(env *proto.Env, a *ack) {
	edge := s.next
	if a.len() == maxRanges {
		edge = a.highest() // there may be more to say about blocks above
	}
	late := s.now(env) - s.rtt.reordering()
	n := 0
	for b := s.una; b < edge; b++ {
		f := s.flight(b)
		if f.number >= s.newest && !f.resent && f.state != arrived {
			break // so are all those behind it
		}
		if f.state != inFlight || f.number >= s.newest {
			continue
		}
		if f.number+lossThreshold <= s.newest || f.sentAt <= late {
			f.state = lost
			s.inFlight--
			s.resend = min(s.resend, b)
			n++
		}
	}
	if n > 0 {
		s.cc.onLost(n)
	}
}
