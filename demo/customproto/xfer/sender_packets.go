// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"errors"

	"protean/proto"
)

// The packets of a Sender other than those of sender_transmit.go.

func (s *Sender) sendOffer(env *proto.Env) {
	slot, err := reserve(env, s.hd, kindOffer, s.conn, 0, offerLen+len(s.offer.Name))
	if err == nil {
		s.offer.put(slot.Payload()[headerLen:])
		err = send(slot)
	}
	s.sentOne(env, err)
}

func (s *Sender) sendFinish(env *proto.Env) {
	slot, err := reserve(env, s.hd, kindFinish, s.conn, 0, finishLen)
	if err == nil {
		copy(slot.Payload()[headerLen:], s.digest)
		err = send(slot)
	}
	s.sentOne(env, err)
}

func (s *Sender) sendPing(env *proto.Env) {
	slot, err := reserve(env, s.hd, kindPing, s.conn, s.number+1, 0)
	if err == nil {
		s.number++
		err = send(slot)
	}
	s.sentOne(env, err)
}

func (s *Sender) sendClose(env *proto.Env, c Code) {
	slot, err := reserve(env, s.hd, kindClose, s.conn, 0, 1)
	if err != nil {
		return
	}
	slot.Payload()[headerLen] = byte(c)
	if send(slot) == nil {
		s.stats.Packets++
	}
}

// sentOne counts a packet and sets the timer for its answer. That there is no
// room for it is as if it were lost; what else cannot be sent ends the
// transfer.
func (s *Sender) sentOne(env *proto.Env, err error) {
	switch {
	case err == nil:
		s.stats.Packets++
	case !errors.Is(err, proto.ErrNoSlots):
		s.end(env, err)
		return
	}
	s.retry.Reset(s.rtt.rto(s.vain))
}
