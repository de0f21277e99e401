// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/wire"
)

// A responder is a host that answers echo requests.
type responder struct {
	*host
	echoes uint64
}

func openResponder(o *Options, open transportOf) (Session, error) {
	h, err := newHost(o, open)
	if err != nil {
		return nil, err
	}
	r := &responder{host: h}
	_, err = h.h.Handle(wire.ProtoICMP, r)
	return r, err
}

// HandlePacket answers an echo request.
func (r *responder) HandlePacket(env *proto.Env, p *proto.Packet) error {
	in := p.Payload()
	if len(in) < 8 || in[0] != 8 {
		return proto.Pass
	}
	s, err := env.Reply(p, len(in))
	if err != nil {
		return err
	}
	out := s.Payload()
	copy(out, in)
	out[0], out[2], out[3] = 0, 0, 0
	sum := checksum.Checksum(out)
	out[2], out[3] = byte(sum>>8), byte(sum)
	r.echoes++
	return s.Commit()
}

func (r *responder) Counted() (packets, lost uint64) { return r.echoes, r.lost() }
