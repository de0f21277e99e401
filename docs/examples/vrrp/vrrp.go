// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package vrrp

import (
	"errors"
	"net/netip"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/transport"
)

// Protocol is VRRP's IP protocol number.
const Protocol = 112

// Groups that speakers listen to (RFC 9568, section 5.1.1.2 and 5.1.2.2).
var (
	Group4 = netip.MustParseAddr("224.0.0.18")
	Group6 = netip.MustParseAddr("ff02::12")
)

// messageLen is that of an advertisement with one IPv4 address, less the
// address.
const messageLen = 8

// A Speaker takes part in the election of one virtual router.
type Speaker struct {
	ID        uint8         // of the virtual router
	Priority  uint8         // 1 to 254; the highest is elected
	Interval  time.Duration // between advertisements, in units of 10 ms
	Interface string
	Virtual   netip.Addr // the address that the elected router takes over

	// Elected, if not nil, is called when this speaker becomes the active router
	// or no longer is.
	Elected func(active bool)

	ifindex int
	src     netip.Addr
	active  bool
	timer   *proto.Timer // to advertise if active, otherwise to take over
}

// Options are what a Speaker is registered with: what has passed a router is
// not from this link (RFC 5082).
func Options() *proto.Options { return &proto.Options{Protocols: []uint8{Protocol}, MinTTL: 255} }

// Start joins the group and waits for others.
func (s *Speaker) Start(env *proto.Env) error {
	link, _ := env.Interface(s.Interface)
	s.ifindex = link.Index
	if s.src = link.Addr(false); s.Virtual.Is6() {
		s.src = link.LinkLocal() // where advertisements over IPv6 come from
	}
	if !s.src.IsValid() {
		return errors.New("vrrp: no address to speak from on " + s.Interface)
	}
	if err := env.Join(s.ifindex, s.group()); err != nil {
		return err
	}
	s.timer = env.NewTimer(s.due)
	return s.timer.Reset(s.patience())
}

// Stop says goodbye: priority 0 has the others take over at once.
func (s *Speaker) Stop(env *proto.Env) {
	if s.active {
		s.advertise(env, 0)
	}
}

// HandlePacket takes in another speaker's advertisement.
func (s *Speaker) HandlePacket(env *proto.Env, p *proto.Packet) error {
	m := p.Payload()
	switch {
	case len(m) != messageLen+s.Virtual.BitLen()/8 || m[0] != 0x31: // version 3, advertisement
		return transport.Malformed
	case !checksum.VerifyWith(s.pseudo(p.Src(), p.Dst(), len(m)), m):
		return transport.BadChecksum
	case m[1] != s.ID:
		return proto.Pass
	}
	priority := m[2]
	switch {
	case priority == 0 && s.active:
		return s.advertise(env, s.Priority)
	case priority == 0:
		return s.timer.Reset(s.skew())
	case p.Src() == s.src:
		return nil // our own, which raw sockets hear too
	case priority < s.Priority || priority == s.Priority && p.Src().Less(s.src):
		return nil // it will hear of us
	}
	s.become(env, false)
	return s.timer.Reset(s.patience())
}

// due advertises, or takes over when the active router has been silent.
func (s *Speaker) due(env *proto.Env) {
	s.become(env, true)
	if err := s.advertise(env, s.Priority); err != nil {
		env.Log().Warn("vrrp: advertise", "error", err)
	}
	s.timer.Reset(s.Interval)
}

func (s *Speaker) become(env *proto.Env, active bool) {
	if active == s.active {
		return
	}
	s.active = active
	var err error
	if active {
		err = env.Claim(s.ifindex, s.Virtual, nil)
	} else {
		err = env.Unclaim(s.ifindex, s.Virtual)
	}
	// Not every transport can; the election goes on without.
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		env.Log().Warn("vrrp: virtual address", "error", err)
	}
	if s.Elected != nil {
		s.Elected(active)
	}
}

func (s *Speaker) advertise(env *proto.Env, priority uint8) error {
	slot, err := env.Reserve(proto.Header{Src: s.src, Dst: s.group(), IfIndex: s.ifindex, TTL: 255}, messageLen+s.Virtual.BitLen()/8)
	if err != nil {
		return err
	}
	centiseconds := uint16(s.Interval / (10 * time.Millisecond))
	m := slot.Payload()
	copy(m, []byte{0x31, s.ID, priority, 1, byte(centiseconds >> 8), byte(centiseconds), 0, 0})
	copy(m[messageLen:], s.Virtual.AsSlice())
	sum := ^checksum.Combine(s.pseudo(s.src, s.group(), len(m)), checksum.Sum(m))
	m[6], m[7] = byte(sum>>8), byte(sum)
	return slot.Commit()
}

// pseudo is the part of the checksum that is not in the message: over IPv6
// alone (section 5.2.8).
func (s *Speaker) pseudo(src, dst netip.Addr, n int) uint16 {
	if src.Is4() {
		return 0
	}
	return checksum.PseudoHeader(src, dst, Protocol, n)
}

func (s *Speaker) group() netip.Addr {
	if s.Virtual.Is4() {
		return Group4
	}
	return Group6
}

// skew has speakers of lower priority wait a little longer, and patience is how
// long the active router may be silent (section 6.1).
func (s *Speaker) skew() time.Duration     { return (256 - time.Duration(s.Priority)) * s.Interval / 256 }
func (s *Speaker) patience() time.Duration { return 3*s.Interval + s.skew() }
