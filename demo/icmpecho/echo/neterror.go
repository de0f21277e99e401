// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"encoding/binary"
	"net/netip"

	"protean/proto"
	"protean/proto/wire"
	"protean/transport"
)

// HandleError takes errors that the transport or the host reports.
func (p *Pinger) HandleError(env *proto.Env, ne *proto.NetworkError) error {
	if p.over || ne.Protocol != p.dialect.protocol || ne.Dst != p.dst {
		return nil
	}
	n, ok := ne.Cookie, ne.Origin == transport.OriginLocal && p.window.has(ne.Cookie)
	if len(ne.Quoted) >= headerLen {
		n, ok = p.quoted(ne.Quoted)
	}
	if ok {
		e := *ne
		e.Quoted = nil
		p.failed(env, n, &e, 0)
		p.settled(env)
	}
	return nil
}

// icmpError takes an ICMP error message about one of the requests.
func (p *Pinger) icmpError(env *proto.Env, pkt *proto.Packet, m []byte) error {
	e := transport.NetworkError{Type: m[0], Code: m[1], Offender: pkt.Src(), Protocol: p.dialect.protocol, Dst: p.dst}
	var (
		message []byte // the request quoted
		dst     netip.Addr
		pointer uint32
	)
	if pkt.Is6() {
		v := wire.ICMPv6(m)
		e.Origin, e.MTU, pointer = transport.OriginICMP6, int(v.MTU()), v.Pointer()
		ip, bad := wire.ParseIPv6Quoted(v.Quoted())
		if bad != wire.NotMalformed || ip.NextHeader() != icmp6.protocol {
			return proto.Pass
		}
		message, dst = ip.Payload(), ip.Dst()
	} else {
		v := wire.ICMPv4(m)
		if m[0] == wire.ICMPv4Redirect || m[0] == wire.ICMPv4SourceQuench {
			return proto.Pass // no error: the request was forwarded
		}
		e.Origin, e.MTU, pointer = transport.OriginICMP, v.MTU(), uint32(v.Pointer())
		ip, bad := wire.ParseIPv4Quoted(v.Quoted())
		if bad != wire.NotMalformed || ip.Protocol() != icmp4.protocol || ip.FragmentOffset() != 0 {
			return proto.Pass
		}
		message, dst = ip.Payload(), ip.Dst()
	}
	if dst != p.dst || len(message) < headerLen {
		return proto.Pass
	}
	n, ok := p.quoted(message)
	switch {
	case !ok:
		return proto.Pass
	case !intact(pkt, m):
		return transport.BadChecksum
	}
	p.failed(env, n, &e, pointer)
	p.settled(env)
	return nil
}

// quoted returns the number of the request in m, at least 8 bytes of which are
// quoted, if it is one of ours.
func (p *Pinger) quoted(m []byte) (n uint64, ok bool) {
	if m[0] != p.dialect.request || binary.BigEndian.Uint16(m[4:]) != p.Config.ID {
		return 0, false
	}
	n, ok = p.window.find(binary.BigEndian.Uint16(m[6:]))
	data := m[headerLen:]
	if k := min(len(data), len(p.template), cookieLen); ok && string(data[:k]) != string(p.template[:k]) {
		return 0, false // another program's, with the same identifier
	}
	return n, ok
}

// failed accounts for an error about request n.
func (p *Pinger) failed(env *proto.Env, n uint64, ne *transport.NetworkError, pointer uint32) {
	p.stats.Errors++
	p.stats.Pipe = max(p.stats.Pipe, p.window.last-n+1)
	if p.window.state(n) == waiting {
		p.window.set(n, failed)
	}
	p.latest = p.now(env)
	p.event = Event{Kind: EventError, Time: env.Now(), Seq: n, From: ne.Offender, Err: *ne, Pointer: pointer}
	p.report()
}
