// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"protean/proto"
	"protean/transport"
)

// A ReceiverConfig holds the options of a Receiver. The zero value of each
// field is its default.
type ReceiverConfig struct {
	From    netip.Addr    // take offers from this address only; default: any
	Window  int           // bytes of the file in memory; default 4 MiB
	Timeout time.Duration // silence after which to give up; default 10 s
	Linger  time.Duration // how long to repeat the last word to a sender that does not confirm it; default 2 s
}

// A Receiver is the handler that receives one file. Its methods other than
// those of proto.Handler and the interfaces beside it belong to the loop: they
// are called through the binding's Do or Await, as [Download] does.
type Receiver struct {
	cfg   ReceiverConfig
	key   [16]byte  // of cookies
	epoch time.Time // when it started

	state  receiverState
	err    error // when over
	code   Code  // the last word
	stats  Stats
	offer  offer
	hd     proto.Header // of all packets
	conn   uint64
	finish []byte // SHA-256, nil as long as it is not known

	// Blocks: next ≤ highest ≤ limit.
	buf      ring
	have     bitmap // those from next on that have arrived
	next     uint32 // the first block that has not arrived
	highest  uint32 // all blocks from here on have not arrived
	limit    uint32 // the first block the sender was not allowed to send
	consumed int64  // bytes of the file that the application has taken
	wanted   int    // bytes that are worth waking the application for
	newest   uint32 // highest packet number
	ackDue   bool

	// Time.
	began time.Duration
	heard time.Duration // when the sender was last heard
	idle  *proto.Timer
}

// What a handler can do beside taking packets.
var _ interface {
	proto.Handler
	proto.Starter
	proto.BatchEnder
	proto.Stopper
} = (*Receiver)(nil)

type receiverState uint8

const (
	listening receiverState = iota
	offered                 // the application is to say whether it wants the file
	receiving
	lingering // all is said; the sender may not have heard
	over      // err says how it went
)

const defaultLinger = 2 * time.Second

// NewReceiver returns a handler for one file. cfg may be nil.
func NewReceiver(cfg *ReceiverConfig) *Receiver {
	r := &Receiver{}
	if cfg != nil {
		r.cfg = *cfg
	}
	if r.cfg.Window <= 0 {
		r.cfg.Window = defaultWindow
	}
	if r.cfg.Timeout <= 0 {
		r.cfg.Timeout = defaultTimeout
	}
	if r.cfg.Linger <= 0 {
		r.cfg.Linger = defaultLinger
	}
	r.cfg.From = r.cfg.From.Unmap().WithZone("")
	return r
}

// Start implements proto.Starter.
func (r *Receiver) Start(env *proto.Env) error {
	binary.BigEndian.PutUint64(r.key[:], env.Rand().Uint64())
	binary.BigEndian.PutUint64(r.key[8:], env.Rand().Uint64())
	r.epoch = env.Now()
	r.idle = env.NewTimer(r.onIdle)
	return nil
}

// Stop implements proto.Stopper: it tells the sender if the transfer is given
// up.
func (r *Receiver) Stop(env *proto.Env) {
	switch r.state {
	case offered, receiving:
		r.sendClose(env, Cancelled)
	}
}

func (r *Receiver) now(env *proto.Env) time.Duration { return env.Now().Sub(r.epoch) }

// HandlePacket implements proto.Handler.
func (r *Receiver) HandlePacket(env *proto.Env, p *proto.Packet) error {
	m, err := parse(p.Payload())
	if err != nil {
		return err
	}
	if r.state == listening || m.conn != r.conn || p.Src() != r.hd.Dst {
		if m.kind == kindOffer {
			return r.onOffer(env, p, m)
		}
		return proto.Pass // perhaps of a Sender on this host
	}
	switch {
	case m.kind == kindClose:
		return r.onClose(env, m)
	case r.state == lingering:
		r.sendClose(env, r.code)
		return nil
	case r.state == over:
		return proto.Pass
	}
	switch {
	case m.kind == kindData && r.state == receiving:
		err = r.onData(m)
	case m.kind == kindPing, m.kind == kindOffer:
		r.newest = max(r.newest, m.number)
		r.ackDue = r.state == receiving
	case m.kind == kindFinish && r.state == receiving:
		err = r.onFinish(env, m)
	default:
		return transport.Malformed
	}
	if err == nil || err == transport.Duplicate {
		r.heard = r.now(env)
	}
	return err
}

func (r *Receiver) onFinish(env *proto.Env, m packet) error {
	if len(m.body) != finishLen || r.next != r.offer.blocks() {
		return transport.Malformed
	}
	if r.finish == nil {
		r.finish = append([]byte(nil), m.body...)
		env.Notify()
	}
	r.ackDue = true // storing may take a while
	return nil
}

// onClose is the sender's last word, or its confirmation of ours.
func (r *Receiver) onClose(env *proto.Env, m packet) error {
	c, ok := parseClose(m.body)
	if !ok {
		return transport.Malformed
	}
	switch r.state {
	case lingering:
		r.end(env, r.err)
	case offered, receiving:
		if c == Stored {
			return transport.Malformed
		}
		r.end(env, c)
	}
	return nil
}

// onIdle is called when the sender may have been silent for too long. The
// timer is not set again for each packet.
func (r *Receiver) onIdle(env *proto.Env) {
	silent := r.now(env) - r.heard
	switch {
	case r.state == lingering:
		r.end(env, r.err)
	case silent >= r.cfg.Timeout:
		r.sendClose(env, Cancelled)
		r.end(env, &TimeoutError{Peer: r.hd.Dst, After: silent})
	default:
		r.idle.Reset(r.cfg.Timeout - silent)
	}
}

func (r *Receiver) end(env *proto.Env, err error) {
	if r.state != lingering {
		r.stats.Elapsed = r.now(env) - r.began
	}
	r.state, r.err = over, err
	r.idle.Stop()
	env.Notify()
}

func (r *Receiver) sendClose(env *proto.Env, c Code) {
	slot, err := reserve(env, r.hd, kindClose, r.conn, 0, 1)
	if err != nil {
		return // as if it were lost: it is asked for again
	}
	slot.Payload()[headerLen] = byte(c)
	if send(slot) == nil {
		r.stats.Packets++
	}
}

// EndBatch implements proto.BatchEnder: one acknowledgement for all the
// packets that came together.
func (r *Receiver) EndBatch(env *proto.Env) error {
	if !r.ackDue || r.state != receiving {
		return nil
	}
	if err := r.sendAck(env); err != nil && !errors.Is(err, proto.ErrNoSlots) {
		return err
	}
	return nil
}
