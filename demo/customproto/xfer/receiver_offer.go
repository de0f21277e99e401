// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"protean/proto"
	"protean/transport"
)

// cookieTime is how long a cookie is good for, at least.
const cookieTime = 8 * time.Second

// onOffer answers an offer that does not belong to the present transfer. No
// memory is spent on a sender before it has returned a cookie, which shows that
// it receives what is sent to its address.
func (r *Receiver) onOffer(env *proto.Env, p *proto.Packet, m packet) error {
	o, ok := parseOffer(m.body)
	switch {
	case !ok:
		return transport.Malformed
	case p.Type() != transport.PacketHost:
		return transport.NotLocal // to a broadcast or multicast address
	case r.cfg.From.IsValid() && p.Src() != r.cfg.From:
		return transport.Filtered
	case !r.cookieGood(o.cookie, p, m.conn, r.now(env)):
		return r.answer(env, p, m, kindCookie, cookieLen, func(b []byte) {
			binary.BigEndian.PutUint64(b, r.cookie(p, m.conn, r.now(env), 0))
		})
	case r.state != listening:
		return r.answer(env, p, m, kindClose, 1, func(b []byte) { b[0] = byte(Busy) })
	}
	r.state, r.conn, r.offer = offered, m.conn, o
	r.hd = proto.Header{Src: p.Dst(), Dst: p.Src()}
	if r.hd.Dst.IsLinkLocalUnicast() {
		r.hd.IfIndex = int(p.IfIndex)
	}
	r.began = r.now(env)
	r.heard = r.began
	r.stats = Stats{Size: o.Size}
	r.idle.Reset(r.cfg.Timeout)
	env.Notify()
	return nil
}

// answer replies to a packet of no transfer.
func (r *Receiver) answer(env *proto.Env, p *proto.Packet, m packet, k kind, n int, body func(b []byte)) error {
	slot, err := env.Reply(p, headerLen+n)
	if err != nil {
		return err
	}
	putHeader(slot.Payload(), k, m.conn, 0)
	body(slot.Payload()[headerLen:])
	return send(slot)
}

// cookie is a hash of what names the sender and of the time, age periods ago.
func (r *Receiver) cookie(p *proto.Packet, conn uint64, now time.Duration, age int64) uint64 {
	var b [48]byte
	src := p.Src().As16()
	copy(b[:], r.key[:])
	copy(b[16:], src[:])
	binary.BigEndian.PutUint64(b[32:], conn)
	binary.BigEndian.PutUint64(b[40:], uint64(int64(now/cookieTime)-age))
	h := sha256.Sum256(b[:])
	return binary.BigEndian.Uint64(h[:])
}

func (r *Receiver) cookieGood(c uint64, p *proto.Packet, conn uint64, now time.Duration) bool {
	return c != 0 && (c == r.cookie(p, conn, now, 0) || c == r.cookie(p, conn, now, 1))
}
