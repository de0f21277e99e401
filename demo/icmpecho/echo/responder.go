// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/transport"
)

// ResponderConfig says how a Responder answers. The zero value answers
// everything at once.
type ResponderConfig struct {
	// Addrs are the only addresses answered for; none: all unicast addresses
	// the transport delivers packets to.
	Addrs []netip.Addr

	Delay     time.Duration // between a request and its answer
	Loss      float64       // probability with which a request is not answered
	Duplicate float64       // probability with which a request is answered twice

	// MaxHeld is the most answers that wait for their time when there is a
	// Delay; requests that find no room are dropped with the reason QueueFull.
	// 0: 4096.
	MaxHeld int
}

// ResponderStats counts what a Responder did. For each request counted:
//
//	Requests == Answered + Lost + Held + Refused + Unsent
type ResponderStats struct {
	Requests    uint64 // echo requests for this responder with a right checksum
	Answered    uint64 // requests answered
	Duplicated  uint64 // second answers
	Lost        uint64 // not answered on purpose
	Held        uint64 // answers that wait for their time
	Refused     uint64 // answers for which there was no room
	Unsent      uint64 // answers that this host cannot send, for want of a route for instance
	Failed      uint64 // answers, once more or less, that the network reported undeliverable
	BadChecksum uint64 // requests with a wrong checksum, not answered
	Malformed   uint64 // truncated messages
	NotUnicast  uint64 // requests to or from broadcast or multicast addresses, or another host's loopback, not answered
}

// A Responder answers echo requests of both families. It answers from the
// address that was asked, with the data of the request, whatever that is. It
// checks the checksum first, and never answers what was sent to, or claims to
// come from, a broadcast or multicast address (RFC 1122, section 3.2.2.6, which
// allows the silence; RFC 4443, section 2.4).
type Responder struct {
	Config ResponderConfig // not to be changed once the Responder is registered

	stats ResponderStats
	held  heldQueue
}

var (
	_ proto.Handler      = (*Responder)(nil)
	_ proto.Starter      = (*Responder)(nil)
	_ proto.ErrorHandler = (*Responder)(nil)
)

// Start checks the configuration. The error is a *[ConfigError].
func (r *Responder) Start(env *proto.Env) error {
	c := &r.Config
	switch {
	case !(c.Loss >= 0 && c.Loss <= 1):
		return &ConfigError{"Loss", "is not in 0 to 1"}
	case !(c.Duplicate >= 0 && c.Duplicate <= 1):
		return &ConfigError{"Duplicate", "is not in 0 to 1"}
	case c.Delay < 0 || c.MaxHeld < 0:
		return &ConfigError{"Delay or MaxHeld", "is negative"}
	}
	if c.MaxHeld == 0 {
		c.MaxHeld = defaultHeld
	}
	if c.Delay > 0 {
		r.held.timer = env.NewTimer(r.release)
	}
	return nil
}

// Stats returns the counters.
func (r *Responder) Stats() ResponderStats {
	s := r.stats
	s.Held = uint64(r.held.n)
	return s
}

// HandlePacket answers echo requests.
func (r *Responder) HandlePacket(env *proto.Env, p *proto.Packet) error {
	d := &icmp4
	if p.Is6() {
		d = &icmp6
	}
	if p.Protocol() != d.protocol {
		return proto.Pass // ICMP of the other family
	}
	m := p.Payload()
	if len(m) < headerLen || p.Truncated() {
		r.stats.Malformed++
		return transport.Malformed
	}
	if m[0] != d.request {
		return proto.Pass
	}
	dst := p.Dst()
	if p.Type() != transport.PacketHost || dst.IsMulticast() || dst == broadcast || !unicast(p.Src()) {
		r.stats.NotUnicast++
		return transport.Filtered
	}
	if len(r.Config.Addrs) > 0 && !slices.Contains(r.Config.Addrs, dst) {
		return proto.Pass
	}
	if !intact(p, m) {
		r.stats.BadChecksum++
		return transport.BadChecksum
	}
	r.stats.Requests++
	copies := 1
	if r.Config.Loss > 0 && env.Rand().Float64() < r.Config.Loss {
		r.stats.Lost++
		return nil
	}
	if r.Config.Duplicate > 0 && env.Rand().Float64() < r.Config.Duplicate {
		copies = 2
	}
	if r.Config.Delay > 0 {
		return r.hold(env, p, copies)
	}
	return r.answer(env, p, copies)
}

// answer answers a request once or more.
func (r *Responder) answer(env *proto.Env, p *proto.Packet, copies int) error {
	if err := r.reply(env, p); err != nil {
		return r.unanswered(err)
	}
	r.stats.Answered++
	for range copies - 1 {
		if r.reply(env, p) == nil {
			r.stats.Duplicated++
		}
	}
	return nil
}

// unanswered counts a request that was not answered for an error of reply.
func (r *Responder) unanswered(err error) error {
	var header *proto.HeaderError
	switch {
	case err == transport.Filtered, errors.As(err, &header): // the host knows the broadcast addresses of subnets
		r.stats.Requests--
		r.stats.NotUnicast++
		return transport.Filtered
	case errors.Is(err, transport.ErrNoSlots), errors.Is(err, syscall.ENOBUFS): // ENOBUFS: too many wait for a neighbour
		r.stats.Refused++
	default:
		r.stats.Unsent++
	}
	return err
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// unicast reports whether a can be the address of one host.
func unicast(a netip.Addr) bool { return !a.IsMulticast() && !a.IsUnspecified() && a != broadcast }

// reply makes one answer in place.
func (r *Responder) reply(env *proto.Env, p *proto.Packet) error {
	m := p.Payload()
	s, err := env.Reply(p, len(m))
	if err != nil {
		return err
	}
	d, h := &icmp4, s.Header()
	src, asked := h[12:16], p.Data[16:20]
	if p.Is6() {
		d, src, asked = &icmp6, h[8:24], p.Data[24:40]
	} else {
		h[6] = p.Data[6] & 0x40 // may be cut up on its way if the request may
	}
	if string(src) != string(asked) {
		s.Discard() // the host does not take this address for its own
		return transport.Filtered
	}
	turn(s.Payload(), m, d)
	return s.Commit()
}

// turn makes reply the answer to request. The checksum is brought up to date
// instead of computed (RFC 1624), so that a bit that flips in this host shows.
// The pseudo header of IPv6 has the same sum with its addresses exchanged.
func turn(reply, request []byte, d *dialect) {
	copy(reply, request)
	reply[0] = d.reply
	if d == &icmp6 {
		reply[1] = 0 // RFC 4443, section 4.2; RFC 792 lets only the type change
	}
	sum := checksum.Update16(binary.BigEndian.Uint16(request[2:]),
		binary.BigEndian.Uint16(request), binary.BigEndian.Uint16(reply))
	binary.BigEndian.PutUint16(reply[2:], sum)
}

// HandleError counts answers that did not get through.
func (r *Responder) HandleError(_ *proto.Env, e *proto.NetworkError) error {
	if len(e.Quoted) > 0 {
		switch {
		case e.Protocol == icmp4.protocol && e.Quoted[0] == icmp4.reply,
			e.Protocol == icmp6.protocol && e.Quoted[0] == icmp6.reply,
			e.Dst.Is6() && e.Quoted[0] == icmp6.reply: // a local error of a host that serves both
			r.stats.Failed++
		}
	}
	return nil
}
