// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"bytes"
	"encoding/binary"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/transport"
)

// HandlePacket takes answers to the Pinger's requests.
func (p *Pinger) HandlePacket(env *proto.Env, pkt *proto.Packet) error {
	if p.over || pkt.Protocol() != p.dialect.protocol || pkt.Is6() != p.dst.Is6() {
		return proto.Pass
	}
	m := pkt.Payload()
	if len(m) < headerLen {
		return proto.Pass // cannot tell whose it is
	}
	if m[0] != p.dialect.reply {
		return proto.Pass
	}
	return p.reply(env, pkt, m)
}

// intact reports whether the checksum of an ICMP message is right.
func intact(pkt *proto.Packet, m []byte) bool {
	switch {
	case pkt.Checksum() == transport.ChecksumVerified:
		return true
	case pkt.Is6():
		return checksum.VerifyWith(checksum.PseudoHeaderBytes(pkt.Data[8:40], icmp6.protocol, len(m)), m)
	}
	return checksum.Verify(m)
}

// reply takes an echo reply.
func (p *Pinger) reply(env *proto.Env, pkt *proto.Packet, m []byte) error {
	if binary.BigEndian.Uint16(m[4:]) != p.Config.ID {
		return proto.Pass
	}
	data := m[headerLen:]
	e := &p.event
	from := pkt.Src()
	*e = Event{Kind: EventReply, From: p.zones.of(env, from, int(pkt.IfIndex)), Bytes: len(m), TTL: pkt.TTL(), TTLKnown: pkt.Known(transport.FieldTTL)}
	e.Foreign = from != p.dst && !p.dst.IsMulticast()
	e.BadChecksum = !intact(pkt, m)
	n, found := p.recognise(binary.BigEndian.Uint16(m[6:]), data, e)
	if !found || e.Foreign && (e.Corrupted() || len(data) < cookieLen) {
		return proto.Pass // another program's, with the same identifier
	}
	now := p.now(env)
	e.Seq, e.Time, e.RTT = n, env.Now(), -1
	if p.window.has(n) {
		e.RTT, e.TimeSource = p.rtt(env, pkt, n)
	}
	p.latest = now
	p.account(e)
	p.report()
	if e.BadChecksum {
		return transport.BadChecksum
	}
	p.settled(env)
	return nil
}

// recognise finds out which request a reply answers and compares the data.
func (p *Pinger) recognise(seq uint16, data []byte, e *Event) (n uint64, ok bool) {
	n, ok = p.window.find(seq)
	if k, has := number(data); has && !e.BadChecksum && k >= 1 && k <= p.window.last && uint16(k) == seq &&
		binary.BigEndian.Uint64(data) == p.cookie {
		n, ok = k, true // maybe older than what is remembered
	}
	if !ok || e.BadChecksum {
		return n, ok
	}
	e.WrongLen = len(data) != len(p.template)
	e.WrongAt, e.Want, e.Got = p.compare(n, data)
	return n, ok
}

// compare returns the first byte of data that differs from what request n had,
// with want == got if there is none.
func (p *Pinger) compare(n uint64, data []byte) (at int, want, got byte) {
	var num [numberLen]byte
	binary.BigEndian.PutUint64(num[:], n)
	t := p.template
	common := min(len(data), len(t))
	if len(t) >= patternAt && len(data) >= patternAt &&
		bytes.Equal(data[:cookieLen], t[:cookieLen]) &&
		bytes.Equal(data[cookieLen:patternAt], num[:]) &&
		bytes.Equal(data[patternAt:common], t[patternAt:common]) {
		return 0, 0, 0
	}
	for i := range common {
		want := t[i]
		if i >= cookieLen && i < patternAt && len(t) >= patternAt {
			want = num[i-cookieLen]
		}
		if data[i] != want {
			return i, want, data[i]
		}
	}
	return 0, 0, 0
}

// rtt measures by the time at which the packet arrived. The transport's stamp
// is wall-clock time, which can be set while a request is under way: a stamp
// that would put the arrival before the request or into the future is not used.
func (p *Pinger) rtt(env *proto.Env, pkt *proto.Packet, n uint64) (time.Duration, transport.TimeSource) {
	age := p.window.age(n, p.now(env))
	if stamp := pkt.Time(); !stamp.IsZero() {
		if since := int64(env.Now().Sub(stamp)); since >= 0 && since <= age {
			return time.Duration(age - since), pkt.TimeSource()
		}
	}
	return time.Duration(age), transport.TimeUser
}

// account counts a reply.
func (p *Pinger) account(e *Event) {
	s, w := &p.stats, &p.window
	if e.Corrupted() {
		s.Corrupted++
		return
	}
	known := w.has(e.Seq)
	e.Late = !known || e.RTT > p.Config.Timeout
	e.Duplicate = known && w.state(e.Seq) == answered
	if known {
		s.Pipe = max(s.Pipe, w.last-e.Seq+1)
		w.set(e.Seq, answered)
	}
	switch {
	case e.Duplicate:
		s.Duplicates++
	case e.Late:
		s.Late++
	default:
		s.Received++
	}
	if !e.Late {
		s.RTT.add(e.RTT)
	}
}
