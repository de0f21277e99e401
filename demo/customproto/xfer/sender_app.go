// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"protean/proto"
)

// The side of a Sender that faces the application.

// Space returns room for the next bytes of the file. It belongs to the caller,
// who may write it without the loop, until Fill; it is empty if there is none
// at the time, or if the file is complete.
func (s *Sender) Space() []byte {
	if s.state == offering || s.state == ended {
		return nil
	}
	return s.buf.span(s.filled, s.windowEnd())
}

// windowEnd is the offset up to which there is room.
func (s *Sender) windowEnd() int64 {
	end := int64(s.una)*int64(s.offer.block) + int64(len(s.buf.buf))
	return max(s.filled, min(end, s.offer.Size))
}

// wantsMore reports whether there is room for so much that it is worth waking
// the application. Space may return less, where the window wraps around.
func (s *Sender) wantsMore() bool {
	free := s.windowEnd() - s.filled
	return s.Accepted() && free > 0 && free >= min(int64(s.wanted), s.offer.Size-s.filled)
}

// Fill hands over the first n bytes of Space.
func (s *Sender) Fill(env *proto.Env, n int) {
	s.filled += int64(n)
	if s.short { // otherwise the next acknowledgement or the pacer sends
		s.transmit(env)
	}
}

// Finish says what the SHA-256 of the file is, once all of it is filled in.
func (s *Sender) Finish(env *proto.Env, digest [32]byte) {
	s.digest = digest[:]
	s.tryFinish(env)
}

// tryFinish asks for the receiver's last word when all blocks have arrived.
func (s *Sender) tryFinish(env *proto.Env) {
	if s.state == sending && s.digest != nil && s.una == s.offer.blocks() {
		s.state = finishing
		s.pacer.Stop()
		s.sendFinish(env)
	}
}

// Accepted reports whether the receiver wants the file.
func (s *Sender) Accepted() bool { return s.state != offering }

// Ended reports whether the transfer is over; if the file did not get there,
// err says why.
func (s *Sender) Ended() (over bool, err error) { return s.state == ended, s.err }

// Abort ends the transfer and tells the receiver.
func (s *Sender) Abort(env *proto.Env, err error) {
	if s.state != ended {
		s.end(env, err)
		s.sendClose(env, Cancelled)
	}
}

// Stats returns what happened so far.
func (s *Sender) Stats(env *proto.Env) Stats {
	st := s.stats
	st.Size = s.offer.Size
	st.Bytes = min(int64(s.una)*int64(s.offer.block), s.offer.Size)
	if s.state != ended {
		st.Elapsed = s.now(env)
	}
	st.RTT, st.LeastRTT = s.rtt.smoothed, s.rtt.least
	return st
}
