// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"net/netip"
	"time"

	"protean/proto/wire"
)

// maxFlows is how many flows a translator remembers.
const maxFlows = 65536

// A translator translates the addresses of packets that go out, and those of
// the packets that come back.
type translator struct {
	place   int // in its pipeline
	v6      bool
	ports   bool // one address and ports for all, not an address for each
	pool    []netip.Addr
	timeout time.Duration // zero: by protocol

	out   map[flow]*mapping // by what is inside; remote is the destination
	in    map[flow]*mapping // by what is outside
	swept int64             // when flows that have ended were last looked for
}

// A mapping is a flow with its two names.
type mapping struct {
	inside, outside flow
	used            int64
}

func (t *translator) init() *translator {
	t.out, t.in, t.swept = map[flow]*mapping{}, map[flow]*mapping{}, never
	return t
}

func (t *translator) timed() bool { return true }
func (t *translator) reset()      {} // a box keeps what it knows when a link fails

func (t *translator) pass(u *unit, c *core) verdict {
	p, v := t.look(u)
	if v == nothing {
		return goOn
	}
	m := (*mapping)(nil)
	switch {
	case v != readable:
	case p.kind == icmpError:
		// What it quotes came in to the flow that it is about.
		if p.quote(u.data) {
			m = t.find(t.out, flow{p.quotedDst, p.quotedSrc, p.quotedProtocol, p.quotedDstPort, p.quotedSrcPort}, u.at)
		}
	default:
		m = t.open(flow{p.src, p.dst, p.protocol, p.srcPort, p.dstPort}, u.at)
	}
	if m == nil {
		return c.drop(Filtered)
	}
	c.writable(u)
	p.rewrite(u.data, true, m.outside.local, m.outside.localPort, t.ports)
	return goOn
}

// A translateBack is the other direction of a translator.
type translateBack struct {
	t *translator
}

func (b *translateBack) timed() bool { return true }
func (b *translateBack) reset()      {}

func (b *translateBack) pass(u *unit, c *core) verdict {
	t := b.t
	p, v := t.look(u)
	if v == nothing || !t.has(p.dst) {
		return goOn
	}
	m := (*mapping)(nil)
	switch {
	case v != readable:
	case p.kind == icmpError:
		if p.quote(u.data) {
			m = t.find(t.in, flow{p.quotedSrc, p.quotedDst, p.quotedProtocol, p.quotedSrcPort, p.quotedDstPort}, u.at)
		}
	default:
		m = t.find(t.in, flow{p.dst, p.src, p.protocol, p.dstPort, p.srcPort}, u.at)
	}
	if m == nil {
		return c.drop(Filtered)
	}
	c.writable(u)
	p.rewrite(u.data, false, m.inside.local, m.inside.localPort, t.ports)
	return goOn
}

func (t *translator) has(a netip.Addr) bool {
	for _, p := range t.pool {
		if p == a {
			return true
		}
	}
	return false
}

type sight uint8

const (
	nothing    sight = iota // not for a translator
	readable                // can be translated
	unreadable              // cannot
)

// look parses a packet.
func (t *translator) look(u *unit) (p parsed, v sight) {
	if !p.parse(u.data) || p.v6 != t.v6 || p.dst.IsMulticast() || p.src.IsUnspecified() ||
		p.dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return p, nothing
	}
	if t.ports && (p.kind == unusable || !p.first && usualKind(p.protocol) != noPorts) {
		return p, unreadable
	}
	return p, readable
}

// key returns the flow by which a mapping is found.
func (t *translator) key(f flow) flow {
	if !t.ports {
		return flow{local: f.local}
	}
	return f
}

// find returns the mapping of a flow, nil if there is none.
func (t *translator) find(in map[flow]*mapping, f flow, now int64) *mapping {
	m := in[t.key(f)]
	if m == nil {
		return nil
	}
	if t.ended(m, now) {
		t.forget(m)
		return nil
	}
	m.used = now
	return m
}

func (t *translator) ended(m *mapping, now int64) bool {
	d := t.timeout
	if d == 0 {
		d = lifetime(m.inside.protocol)
	}
	return now-m.used > int64(d)
}

func (t *translator) forget(m *mapping) {
	delete(t.out, m.inside)
	delete(t.in, m.outside)
}

// open returns the mapping of a flow that goes out, a new one if need be, or
// nil if that cannot be.
func (t *translator) open(f flow, now int64) *mapping {
	if m := t.find(t.out, f, now); m != nil {
		return m
	}
	if len(t.out) >= maxFlows && !t.sweep(now) {
		return nil
	}
	m := &mapping{inside: t.key(f), used: now}
	if !t.choose(m, now) {
		return nil
	}
	t.out[m.inside], t.in[m.outside] = m, m
	return m
}

// choose gives a mapping its outside name.
func (t *translator) choose(m *mapping, now int64) bool {
	m.outside = m.inside
	if !t.ports {
		for _, a := range t.pool {
			m.outside.local = a
			if t.isFree(m.outside, now) {
				return true
			}
		}
		return false
	}
	m.outside.local = t.pool[0]
	if t.isFree(m.outside, now) {
		return true
	}
	kind := usualKind(m.inside.protocol)
	if kind == noPorts {
		return false
	}
	// Upwards from the port it has, within the class that nf_nat_core.c keeps
	// to: below 512, below 1024, and the others.
	low, high := 1024, 65535
	switch p := int(m.inside.localPort); {
	case m.inside.protocol == wire.ProtoICMP || m.inside.protocol == wire.ProtoICMPv6:
		low = 0
	case p < 512:
		low, high = 1, 511
	case p < 1024:
		low, high = 600, 1023
	}
	p := int(m.inside.localPort)
	for range high - low {
		if p++; p > high || p < low {
			p = low
		}
		m.outside.localPort = uint16(p)
		if kind == echoID {
			m.outside.remotePort = uint16(p)
		}
		if t.isFree(m.outside, now) {
			return true
		}
	}
	return false
}

// isFree reports whether nobody has an outside name any longer.
func (t *translator) isFree(f flow, now int64) bool {
	m := t.in[f]
	if m != nil && t.ended(m, now) {
		t.forget(m)
		return true
	}
	return m == nil
}

// sweep forgets the flows that have ended, and reports whether there is room.
func (t *translator) sweep(now int64) bool {
	if now-t.swept < int64(time.Second) {
		return false
	}
	t.swept = now
	for _, m := range t.out {
		if t.ended(m, now) {
			t.forget(m)
		}
	}
	return len(t.out) < maxFlows
}
