// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"encoding/binary"

	"protean/proto"
)

// HandleError takes errors that the transport or the host reports.
func (p *Pinger) HandleError(env *proto.Env, ne *proto.NetworkError) error {
	if p.over || ne.Protocol != p.dialect.protocol || ne.Dst != p.dst {
		return nil
	}
	n, ok := ne.Cookie, p.window.has(ne.Cookie)
	if !ok && len(ne.Quoted) >= headerLen {
		n, ok = p.quoted(ne.Quoted)
	}
	if ok {
		e := *ne
		e.Quoted = nil
		p.failed(env, n, &e)
		p.settled(env)
	}
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
func (p *Pinger) failed(env *proto.Env, n uint64, ne *proto.NetworkError) {
	p.stats.Errors++
	p.stats.Pipe = max(p.stats.Pipe, p.window.last-n+1)
	if p.window.state(n) == waiting {
		p.window.set(n, failed)
	}
	p.latest = p.now(env)
	from := p.zones.of(env, ne.Offender, p.out) // a link-local one is on the link that requests go out by
	p.event = Event{Kind: EventError, Time: env.Now(), Seq: n, From: from, Err: *ne}
	p.report()
}
