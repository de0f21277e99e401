// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"protean/proto/wire"
	"protean/transport"
)

// Errors of Env.Unreachable.
var (
	// ErrNoICMPError: no ICMP error may be sent about the packet: it is one
	// itself, or (IPv4) not the first fragment, or came to or from an address that
	// stands for many hosts or for none (RFC 1812 section 4.3.2.7, RFC 4443
	// section 2.4).
	ErrNoICMPError = errors.New("proto: no ICMP error may be sent about this packet")

	// ErrICMPRate: too many ICMP errors have been sent, to this address or in
	// all.
	ErrICMPRate = errors.New("proto: too many ICMP errors have been sent")
)

// Unreachable sends an ICMP error about p to its source. typ and code are those
// of the ICMP of p's family, and arg is the MTU or the pointer where the type
// has one. As much of p is quoted as may be: up to 576 bytes of error packet, or
// 1280 for IPv6. The source is p's destination if that is a unicast address of
// this host.
//
// Errors are limited as the Linux kernel limits its own: to an address six at
// once and then one a second (IPv4) or ten a second (IPv6), except that a packet
// is too big; to all addresses together fifty at once and a thousand a second.
// The errors are ErrNoICMPError, ErrICMPRate, and those of Send.
func (e *Env) Unreachable(p *Packet, typ, code uint8, arg uint32) error {
	if !e.live {
		return ErrNotOnLoop
	}
	h := e.b.host
	x := wire.ICMPError{Type: typ, Code: code}
	tooBig := false
	switch {
	case p.Is6():
		tooBig = typ == wire.ICMPv6PacketTooBig
		if tooBig {
			x.MTU = arg
		} else {
			x.Pointer = arg
		}
		x.Quoted = p.Data[:min(len(p.Data), 1280-40-wire.ICMPHeaderLen)]
	default:
		tooBig = typ == wire.ICMPv4Unreachable && code == wire.ICMPv4FragNeeded
		if tooBig {
			x.MTU = arg
		} else {
			x.Pointer = arg
		}
		x.Quoted = p.Data[:min(len(p.Data), 576-20-wire.ICMPHeaderLen)]
	}
	if !h.mayComplain(p, typ, code) {
		h.errs.withheld.Add(1)
		return ErrNoICMPError
	}
	if !h.complaints.allow(p.Src(), e.o.time(), tooBig) {
		h.errs.withheld.Add(1)
		return ErrICMPRate
	}
	if err := e.complain(p, &x); err != nil {
		return err
	}
	h.errs.sent.Add(1)
	return nil
}

// complain sends x to p's source.
func (e *Env) complain(p *Packet, x *wire.ICMPError) error {
	hd := Header{Dst: p.Src(), IfIndex: int(p.IfIndex), Protocol: wire.ProtoICMP}
	n := x.LenV4()
	if p.Is6() {
		hd.Protocol, n = wire.ProtoICMPv6, x.LenV6()
	} else {
		hd.TOS = 0xc0 | p.TOS()&0x1e // internetwork control, RFC 1812 section 4.3.2.5
	}
	if src := p.Dst(); e.b.host.isOwn(src, p.Type()) {
		hd.Src = src
	}
	s, err := e.Reserve(hd, n)
	if err != nil {
		return err
	}
	if p.Is6() {
		err = x.MarshalV6(s.Payload(), netip.AddrFrom16([16]byte(s.Header()[8:24])), hd.Dst)
	} else {
		err = x.MarshalV4(s.Payload())
	}
	if err != nil {
		s.Discard()
		return err
	}
	return s.Commit()
}

// mayComplain reports whether an ICMP error may be sent about p.
func (h *Host) mayComplain(p *Packet, typ, code uint8) bool {
	src, dst := p.Src(), p.Dst()
	links := h.links.Load()
	later := p.Fragment() && !firstFragment(p) // so not of an ICMP error, none of which is so long
	switch {
	case p.Type() == transport.PacketOtherHost || p.Type() == transport.PacketOutgoing:
		return false
	case src.IsUnspecified() || src.IsMulticast() || src.IsLoopback() != dst.IsLoopback() || links.isBroadcast(src):
		return false
	case src.Is4() && (src.As4()[0] == 0 || src.As4()[0] >= 240):
		return false
	case later && !p.Is6(): // RFC 8200, section 4.5, has errors about those of IPv6
		return false
	case !later && isICMPError(p):
		return false
	case p.Type() != transport.PacketHost || dst.IsMulticast() || links.isBroadcast(dst):
		// RFC 4443 section 2.4 (e.3): to a group, these two may be told.
		return p.Is6() && (typ == wire.ICMPv6PacketTooBig || typ == wire.ICMPv6ParamProblem && code == wire.ICMPv6UnknownOption)
	}
	return true
}

// isICMPError reports whether p is an ICMP error or redirect, or might be.
func isICMPError(p *Packet) bool {
	switch {
	case p.Is6() && p.Protocol() == wire.ProtoICMPv6:
		m, bad := wire.ParseICMPv6Quoted(p.Payload())
		return bad != wire.NotMalformed || m.IsError() || m.Type() == wire.ICMPv6Redirect
	case !p.Is6() && p.Protocol() == wire.ProtoICMP:
		m, bad := wire.ParseICMPv4Quoted(p.Payload())
		return bad != wire.NotMalformed || m.IsError()
	}
	return false
}

func firstFragment(p *Packet) bool {
	if p.Is6() {
		var c wire.Chain
		return wire.WalkIPv6(p.Data, &c) == wire.NotMalformed && c.FragOffset == 0
	}
	return p.Data[6]&0x1f == 0 && p.Data[7] == 0
}

// complaints limits the ICMP errors that a host sends.
type complaints struct {
	mu    sync.Mutex
	all   bucket
	peers []bucket  // by address; those that share a place share what is allowed. None until the first error
	key   [2]uint64 // of the places, so that nobody can choose who shares one with him
}

// init makes the key, from a seed that nobody knows or that is to make all repeatable.
func (c *complaints) init(seed uint64) {
	rng := rand.NewPCG(seed, 2)
	c.key = [2]uint64{rng.Uint64(), rng.Uint64()}
}

// What the kernel allows by default: net.ipv4.icmp_msgs_per_sec,
// icmp_msgs_burst, icmp_ratelimit, net.ipv6.icmp.ratelimit, and
// XRLIM_BURST_FACTOR in net/ipv4/inetpeer.c.
const (
	complaintInterval  = int64(time.Second) / 1000
	complaintBurst     = 50
	complaintInterval4 = int64(time.Second)
	complaintInterval6 = int64(100 * time.Millisecond)
	complaintBurstPeer = 6
	complaintBits      = 10 // of the number of places
)

func (c *complaints) allow(to netip.Addr, now int64, tooBig bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !tooBig { // which the kernel's masks leave out
		if c.peers == nil {
			c.peers = make([]bucket, 1<<complaintBits)
		}
		p := &c.peers[keyed(&c.key, to.As16())>>(64-complaintBits)]
		interval := complaintInterval4
		if to.Is6() {
			interval = complaintInterval6
		}
		if !p.take(now, interval, complaintBurstPeer) {
			return false
		}
	}
	return c.all.take(now, complaintInterval, complaintBurst)
}
