// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"net/netip"

	"protean/proto"
)

// The side of a Receiver that faces the application.

// Offered returns the offer that waits for Accept or Refuse, and who made it.
func (r *Receiver) Offered() (o Offer, from netip.Addr, ok bool) {
	return r.offer.Offer, r.hd.Dst, r.state == offered
}

// Accept has the transfer begin.
func (r *Receiver) Accept(env *proto.Env) {
	if r.state != offered {
		return
	}
	r.buf = newRing(&r.offer, r.cfg.Window)
	r.have = newBitmap(r.buf.blocks())
	r.next, r.highest, r.consumed, r.newest, r.finish = 0, 0, 0, 0, nil
	r.wanted = len(r.buf.buf) / 4
	r.state = receiving
	r.began = r.now(env)
	r.ackNow(env)
}

// Refuse tells the sender why its file is not wanted, and goes on listening.
func (r *Receiver) Refuse(env *proto.Env, why Code) {
	if r.state != offered {
		return
	}
	r.sendClose(env, why)
	r.idle.Stop()
	r.state, r.conn, r.hd = listening, 0, proto.Header{}
}

// Data returns what has arrived of the file, next in order. It belongs to the
// caller, who may read it without the loop, until Consume; it is empty if there
// is nothing at the time.
func (r *Receiver) Data() []byte {
	if r.state != receiving {
		return nil
	}
	return r.buf.span(r.consumed, r.arrived())
}

// hasMore reports whether so much has arrived that it is worth waking the
// application. Data may return less, where the window wraps around.
func (r *Receiver) hasMore() bool {
	n := r.arrived() - r.consumed
	return r.state == receiving && n > 0 && n >= min(int64(r.wanted), r.offer.Size-r.consumed)
}

// Consume gives the first n bytes of Data back.
func (r *Receiver) Consume(env *proto.Env, n int) {
	if r.state != receiving {
		return
	}
	r.consumed += int64(n)
	// A sender that has no room waits for this.
	if r.room()-r.limit >= (r.buf.blocks()+3)/4 {
		r.ackNow(env)
	}
}

// Digest returns the SHA-256 that the sender has computed. It is known only
// when all of the file has arrived.
func (r *Receiver) Digest() (digest [32]byte, ok bool) {
	if r.state != receiving || r.finish == nil || r.consumed != r.offer.Size {
		return digest, false
	}
	return [32]byte(r.finish), true
}

// Conclude says how it went, which ends the transfer.
func (r *Receiver) Conclude(env *proto.Env, c Code) {
	if r.state != receiving {
		return
	}
	r.stats.Elapsed = r.now(env) - r.began
	r.stats.Bytes = r.arrived()
	r.state, r.code, r.err = lingering, c, c.err()
	r.sendClose(env, c)
	r.idle.Reset(r.cfg.Linger)
	r.buf, r.have = ring{}, bitmap{}
}

// Ended reports whether the transfer is over and the sender knows, or cannot be
// told; err says why the file is not here.
func (r *Receiver) Ended() (done bool, err error) { return r.state == over, r.err }

// Stats returns what happened so far.
func (r *Receiver) Stats(env *proto.Env) Stats {
	st := r.stats
	if r.state == receiving {
		st.Elapsed = r.now(env) - r.began
		st.Bytes = r.arrived()
	}
	return st
}

// ackNow sends an acknowledgement that no packet has asked for. If there is no
// room for it, the sender's next PING gets one.
func (r *Receiver) ackNow(env *proto.Env) {
	if err := r.sendAck(env); err != nil {
		r.ackDue = true
	}
}
