// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"protean/proto/wire"
	"protean/transport"
)

// Where the transport has no error queue the host looks at ICMP itself. It
// binds both protocols when the first packet is sent, and watches what comes
// without taking it.
//
// A transport with an error queue, the kernel's, is silent about errors that
// quote less than eight bytes behind the IP header (icmp_socket_deliver in
// net/ipv4/icmp.c, icmpv6_notify in net/ipv6/icmp.c). There the host looks at
// ICMP when the first packet with a shorter payload is sent, and only at such
// errors.

// needTap has the host look at ICMP from now on, before packets are sent; short
// tells that one of them has less than eight bytes of payload.
func (h *Host) needTap(short bool) {
	if h.tapped.Load() || h.caps.QuotesErrors && !short || h.caps.SendOnly {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tapped.Load() || len(*h.bindings.Load()) == 0 {
		return
	}
	h.tapped.Store(true) // also if it fails, rather than for each packet anew
	for _, p := range h.tapProtocols() {
		if err := h.bind(p); err != nil {
			if !isClosed(err) {
				h.cfg.Log.Warn("proto: errors of the network are not seen", "protocol", p, "error", err)
			}
			continue
		}
		h.taps = append(h.taps, p)
	}
	h.publish(*h.bindings.Load())
}

// untap ends that, with h.mu held.
func (h *Host) untap() {
	for _, p := range h.taps {
		h.unbind(p)
	}
	h.taps = nil
	h.tapped.Store(false)
	h.publish(*h.bindings.Load())
}

func (h *Host) tapProtocols() (p []int) {
	if h.caps.V4 {
		p = append(p, wire.ProtoICMP)
	}
	if h.caps.V6 {
		p = append(p, wire.ProtoICMPv6)
	}
	return p
}

// tap looks at an ICMP packet, and reports it if it is an error.
func (q *queue) tap(p *Packet) {
	if p.Type() != transport.PacketHost || p.Truncated() || p.Fragment() {
		return
	}
	e := &q.netErr
	*e = NetworkError{Offender: p.Src(), Time: p.UnixNano()}
	ok := false
	if p.Is6() {
		ok = load6(e, p, q.h.caps.QuotesErrors)
	} else {
		ok = load4(e, p, q.h.caps.QuotesErrors)
	}
	switch {
	case !ok:
	case e.Src != p.Dst():
		q.h.errs.unmatched.Add(1) // sent to another than the packet's source
	default:
		e.Errno = icmpErrno(p.Is6(), e.Type, e.Code)
		q.networkError(e, true)
	}
}

// load4 fills in e from an ICMPv4 error. It reports false if there is none, or
// none that the host has to take, since the kernel does.
func load4(e *NetworkError, p *Packet, kernelToo bool) bool {
	m, bad := wire.ParseICMPv4Quoted(p.Payload())
	if bad != wire.NotMalformed {
		return false
	}
	switch m.Type() {
	case wire.ICMPv4Unreachable, wire.ICMPv4TimeExceeded, wire.ICMPv4ParamProblem:
	default: // a redirect is about a packet that was delivered, RFC 6633 has source quenches ignored
		return false
	}
	ip, bad := wire.ParseIPv4Quoted(m.Quoted())
	if bad != wire.NotMalformed || kernelToo && len(ip.Payload()) >= 8 {
		return false
	}
	if p.Checksum() != transport.ChecksumVerified {
		if _, bad := wire.ParseICMPv4(p.Payload()); bad != wire.NotMalformed {
			return false
		}
	}
	e.Origin, e.Type, e.Code, e.MTU, e.Pointer = transport.OriginICMP, m.Type(), m.Code(), m.MTU(), uint32(m.Pointer())
	e.Protocol, e.Src, e.Dst = ip.Protocol(), ip.Src(), ip.Dst()
	e.ID, e.Size, e.Quoted = uint32(ip.ID()), ip.TotalLen(), ip.Payload()
	return true
}

func load6(e *NetworkError, p *Packet, kernelToo bool) bool {
	m, bad := wire.ParseICMPv6Quoted(p.Payload())
	if bad != wire.NotMalformed || !m.IsError() {
		return false
	}
	ip, bad := wire.ParseIPv6Quoted(m.Quoted())
	var c wire.Chain
	if bad != wire.NotMalformed || wire.WalkIPv6(ip, &c) != wire.NotMalformed || kernelToo && len(ip)-c.HeaderLen >= 8 {
		return false
	}
	if p.Checksum() != transport.ChecksumVerified {
		if _, bad := wire.ParseICMPv6(p.Payload(), p.Src(), p.Dst()); bad != wire.NotMalformed {
			return false
		}
	}
	e.Origin, e.Type, e.Code, e.Pointer = transport.OriginICMP6, m.Type(), m.Code(), m.Pointer()
	e.MTU = int(min(m.MTU(), 1<<16))
	protocol, hdr := upper(&c, ip)
	e.Protocol, e.Src, e.Dst = protocol, ip.Src(), ip.Dst()
	if c.Fragment != 0 {
		e.ID = wire.IPv6Fragment(ip[c.Fragment:]).ID()
	}
	e.Size, e.Quoted = wire.IPv6HeaderLen+ip.PayloadLen(), ip[hdr:]
	return true
}
