// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"fmt"
	"net/netip"
	"time"
	"unicode/utf8"

	"protean/proto"
	"protean/transport"
)

// Options registers a [Sender] or a [Receiver] for an IP protocol number. The
// number is shared: what is not theirs they pass on.
func Options(protocol uint8) *proto.Options {
	return &proto.Options{Protocols: []uint8{protocol}, Shared: true}
}

// A SenderConfig says what is to be sent, and to whom. Zero values of the
// fields marked optional are their defaults.
type SenderConfig struct {
	Peer netip.Addr // a link-local address needs its zone
	Name string     // of the file, 1 to 255 bytes of UTF-8
	Size int64      // of the file in bytes; exactly so many must be filled in

	Window  int           // optional: bytes of the file in memory; default 4 MiB
	Timeout time.Duration // optional: silence after which to give up; default 10 s
}

const (
	defaultWindow  = 4 << 20
	defaultTimeout = 10 * time.Second
)

// A Sender is the handler that sends one file. Its methods other than those of
// proto.Handler and the interfaces beside it belong to the loop: they are
// called through the binding's Do or Await, as [Upload] does.
type Sender struct {
	cfg   SenderConfig
	state senderState
	err   error // when ended
	stats Stats

	offer offer
	hd    proto.Header // of all packets
	conn  uint64

	// The file.
	buf    ring
	filled int64  // bytes of the file that are or were in buf
	digest []byte // SHA-256, nil as long as it is not known
	wanted int    // bytes of room that are worth waking the application for
	short  bool   // less was filled in than could be sent

	// Blocks: 0 ≤ una ≤ next ≤ limit.
	sent   []flight // by block number modulo its length
	una    uint32   // the first block that has not arrived, as far as known
	next   uint32   // the first block that was never sent
	limit  uint32   // the first block that the receiver has no room for
	resend uint32   // no block below is to be sent again

	// Packets.
	number   uint32 // of the latest packet
	newest   uint32 // of those that arrived, the latest
	inFlight int    // packets on their way
	rtt      rttEstimator
	cc       congestion

	// Time.
	epoch time.Time     // when it started
	heard time.Duration // when something last came back
	cause error         // what the network reported since
	retry *proto.Timer  // when nothing comes back
	vain  int           // times that retry has run since something came back
	pacer *proto.Timer  // when the next packet is due
	room  func(*proto.Env)
	waits bool // until room is called
}

// What a handler can do beside taking packets.
var _ interface {
	proto.Handler
	proto.Starter
	proto.BatchEnder
	proto.ErrorHandler
	proto.Stopper
} = (*Sender)(nil)

type senderState uint8

const (
	offering  senderState = iota // an OFFER is on its way
	sending                      // it was accepted
	finishing                    // all has arrived, but for the word that it is stored
	ended                        // err says how
)

// NewSender returns a handler for one file. It offers the file as soon as it
// is registered. Handle returns an error if the configuration is not valid or
// there is no route to the peer.
func NewSender(cfg SenderConfig) *Sender {
	if cfg.Window <= 0 {
		cfg.Window = defaultWindow
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	cfg.Peer = cfg.Peer.Unmap()
	return &Sender{cfg: cfg}
}

// Start implements proto.Starter.
func (s *Sender) Start(env *proto.Env) error {
	switch {
	case len(s.cfg.Name) == 0 || len(s.cfg.Name) > maxName:
		return fmt.Errorf("a file name of %d bytes is not in 1 to %d", len(s.cfg.Name), maxName)
	case !utf8.ValidString(s.cfg.Name):
		return fmt.Errorf("the file name %q is not UTF-8", s.cfg.Name)
	case s.cfg.Size < 0 || s.cfg.Size > maxSize:
		return fmt.Errorf("a file size of %d bytes is not in 0 to %d", s.cfg.Size, int64(maxSize))
	}
	hd, mtu, err := path(env, s.cfg.Peer)
	if err != nil {
		return err
	}
	s.hd = hd
	s.offer.Offer = Offer{s.cfg.Name, s.cfg.Size}
	s.offer.block = blockSize(hd, mtu)
	if s.offer.block < minBlock {
		return fmt.Errorf("an MTU of %d bytes is too small for blocks of %d", mtu, minBlock)
	}
	s.conn = env.Rand().Uint64()
	s.buf = newRing(&s.offer, s.cfg.Window)
	s.wanted = len(s.buf.buf) / 4
	s.sent = make([]flight, s.buf.blocks())
	s.epoch = env.Now()
	s.room = func(env *proto.Env) { s.waits = false; s.transmit(env) }
	s.retry = env.NewTimer(s.onRetry)
	s.pacer = env.NewTimer(s.transmit)
	s.sendOffer(env)
	return nil
}

// Stop implements proto.Stopper: it tells the receiver if the transfer is
// given up.
func (s *Sender) Stop(env *proto.Env) {
	if s.state != ended {
		s.end(env, Cancelled)
		s.sendClose(env, Cancelled)
	}
}

// now is the time since the start.
func (s *Sender) now(env *proto.Env) time.Duration { return env.Now().Sub(s.epoch) }

// HandlePacket implements proto.Handler.
func (s *Sender) HandlePacket(env *proto.Env, p *proto.Packet) error {
	m, err := parse(p.Payload())
	switch {
	case err != nil:
		return err
	case m.conn != s.conn || p.Src() != s.hd.Dst:
		return proto.Pass
	case s.state == ended:
		return s.afterEnd(env, m)
	}
	switch m.kind {
	case kindCookie:
		err = s.onCookie(env, m)
	case kindAck:
		err = s.onAck(env, m)
	case kindClose:
		err = s.onClose(env, m)
	default:
		err = transport.Malformed // the others are for receivers
	}
	if err == nil {
		s.heard, s.vain, s.cause = s.now(env), 0, nil
	}
	return err
}

// EndBatch implements proto.BatchEnder: what the packets of a batch have made
// room for is sent at once.
func (s *Sender) EndBatch(env *proto.Env) error {
	s.transmit(env)
	return nil
}

// HandleError implements proto.ErrorHandler. An error that somebody on the way
// reports may be forged, and may pass: it ends the transfer only before it has
// begun, and is the reason given if the other side stays silent. That a packet is
// too big for the path is no reason.
func (s *Sender) HandleError(env *proto.Env, e *proto.NetworkError) error {
	if s.state == ended || e.Dst.IsValid() && e.Dst != s.hd.Dst {
		return nil
	}
	if m, err := parseQuoted(e.Quoted); err != nil || m != s.conn {
		return nil
	}
	if e.MTU != 0 {
		return nil // the host has learnt it: sent again, the packet goes in fragments
	}
	s.cause = &proto.NetworkError{Origin: e.Origin, Type: e.Type, Code: e.Code, Offender: e.Offender, MTU: e.MTU, Errno: e.Errno, Dst: e.Dst}
	if s.state == offering {
		s.end(env, s.cause)
	}
	return nil
}

func (s *Sender) onCookie(env *proto.Env, m packet) error {
	cookie, ok := parseCookie(m.body)
	if !ok || s.state != offering {
		return transport.Malformed
	}
	s.offer.cookie = cookie
	s.sendOffer(env)
	return nil
}

func (s *Sender) onClose(env *proto.Env, m packet) error {
	c, ok := parseClose(m.body)
	if !ok || c == Stored && s.state != finishing {
		return transport.Malformed
	}
	s.end(env, c.err())
	s.sendClose(env, c)
	return nil
}

// afterEnd repeats the last word to a receiver that has not heard it.
func (s *Sender) afterEnd(env *proto.Env, m packet) error {
	if c, ok := parseClose(m.body); m.kind == kindClose && ok {
		s.sendClose(env, c)
		return nil
	}
	return proto.Pass
}

// onRetry is called when nothing has come back for a while.
func (s *Sender) onRetry(env *proto.Env) {
	silent := s.now(env) - s.heard
	if silent >= s.cfg.Timeout {
		s.end(env, &TimeoutError{Peer: s.cfg.Peer, After: silent, Cause: s.cause})
		s.sendClose(env, Cancelled)
		return
	}
	s.vain++
	switch s.state {
	case offering:
		s.sendOffer(env)
	case sending:
		s.probe(env)
	case finishing:
		s.vain = min(s.vain, 2) // the receiver waits for Linger only
		s.sendFinish(env)
	}
}

func (s *Sender) end(env *proto.Env, err error) {
	s.state, s.err = ended, err
	s.stats.Elapsed = s.now(env)
	s.retry.Stop()
	s.pacer.Stop()
	env.Notify()
}
