// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"encoding/binary"
	"errors"
	"sync/atomic"

	"protean/proto"
	"protean/transport"
)

// A sender is a host with a proto.Sender that sends all it can.
type sender struct {
	*host
	s     *proto.Sender
	hd    proto.Header
	n     int // bytes of payload
	batch int
	sent  uint64
	ended atomic.Bool
}

func openSender(o *Options, open transportOf) (Session, error) {
	h, err := newHost(o, open)
	if err != nil {
		return nil, err
	}
	b, err := h.h.Handle(Protocol, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { return nil }))
	if err != nil {
		return nil, err
	}
	hd := proto.Header{Src: o.Src, Dst: o.Dst, Protocol: Protocol, TTL: 64, Frag: proto.FragNever}
	if o.Size > 1514 {
		hd.Frag = proto.FragAllow
	}
	return &sender{host: h, s: b.NewSender(), n: o.Payload(), batch: o.Batch, hd: hd}, nil
}

func (s *sender) Run() error {
	done := make(chan error, 1)
	go func() { done <- s.host.Run() }()
	for !s.ended.Load() {
		full := false
		for range s.batch {
			slot, err := s.s.Reserve(s.hd, s.n)
			if err != nil {
				if errors.Is(err, transport.ErrNoSlots) {
					full = true
					break
				}
				return err
			}
			binary.LittleEndian.PutUint64(slot.Payload(), s.sent)
			if err := slot.Commit(); err != nil {
				return err
			}
			s.sent++
		}
		if err := s.s.Flush(); errors.Is(err, transport.ErrNoSlots) {
			full = true
		} else if err != nil {
			return err
		}
		if full {
			if err := s.s.Wait(s.ctx.Done()); err != nil {
				return err
			}
		}
	}
	s.cancel()
	return <-done
}

func (s *sender) Close()                          { s.ended.Store(true) }
func (s *sender) Counted() (packets, lost uint64) { return s.sent, 0 }
