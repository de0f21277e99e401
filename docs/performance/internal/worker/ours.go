// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"context"

	"protean/proto"
	"protean/transport"
	"protean/transport/rawip"
)

// A transportOf opens one of our transports.
type transportOf func(*Options) (transport.Transport, error)

func rawIP(o *Options) (transport.Transport, error) {
	// RcvBuf is what getsockopt tells, twice what setsockopt is given.
	return rawip.Open(&rawip.Config{Interface: o.Interface, RcvBuf: 2 * BufferSize, Batch: o.Batch})
}

// A host is one of our hosts over one of our transports.
type host struct {
	t      transport.Transport
	h      *proto.Host
	ctx    context.Context
	cancel context.CancelFunc
}

func newHost(o *Options, open transportOf) (*host, error) {
	t, err := open(o)
	if err != nil {
		return nil, err
	}
	h, err := proto.NewHost(t, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &host{t, h, ctx, cancel}, nil
}

func (s *host) Run() error {
	defer s.t.Close()
	return s.h.Run(s.ctx)
}

func (s *host) Close() { s.cancel() }

// lost is what the kernel dropped.
func (s *host) lost() uint64 {
	if r, ok := transport.As[transport.StatsReader](s.t); ok {
		return r.Stats().Lost
	}
	return 0
}

// A receiver is a host with a handler that counts.
type receiver struct {
	*host
	packets uint64
	last    byte
}

func openHost(o *Options, open transportOf) (Session, error) {
	s, err := newHost(o, open)
	if err != nil {
		return nil, err
	}
	r := &receiver{host: s}
	if err := others(s.h, o.Handlers-1); err != nil {
		return nil, err
	}
	_, err = s.h.Handle(Protocol, r)
	return r, err
}

// others registers n handlers that get no packets and make the table fuller: one
// for each other protocol number, and then more for the same.
func others(h *proto.Host, n int) error {
	for p := 1; n > 0; p = p%255 + 1 {
		if p == Protocol {
			continue
		}
		idle := proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { return proto.Pass })
		if _, err := h.HandleWith(idle, &proto.Options{Protocols: []uint8{uint8(p)}, Shared: true}); err != nil {
			return err
		}
		n--
	}
	return nil
}

// HandlePacket counts p and reads one byte.
func (r *receiver) HandlePacket(_ *proto.Env, p *proto.Packet) error {
	r.packets++
	if b := p.Payload(); len(b) > 0 {
		r.last = b[0]
	}
	return nil
}

func (r *receiver) Counted() (packets, lost uint64) { return r.packets, r.lost() }
