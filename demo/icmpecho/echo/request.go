// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"encoding/binary"
	"errors"
	"syscall"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/transport"
)

// The data of a request is a cookie that is random for each Pinger, the number
// of the request, and a pattern. It has no time in it: times are kept here,
// where nobody can change them.
const (
	cookieLen = 8
	numberLen = 8
	patternAt = cookieLen + numberLen
)

// newTemplate returns size bytes of data, with a zero number.
func newTemplate(size int, cookie uint64) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i)
	}
	var head [patternAt]byte
	binary.BigEndian.PutUint64(head[:], cookie)
	copy(b, head[:])
	return b
}

// number returns the number in a request's data, if there is room for it.
func number(data []byte) (n uint64, ok bool) {
	if len(data) < patternAt {
		return 0, false
	}
	return binary.BigEndian.Uint64(data[cookieLen:]), true
}

// maxBehind is by how much the schedule may be made up for: after a longer
// pause, such as that of a suspended machine, it starts anew instead of sending
// a burst.
const maxBehind = int64(time.Second)

// send sends the request that is due and schedules the next one.
func (p *Pinger) send(env *proto.Env) {
	if p.over {
		return
	}
	c, now := &p.Config, p.now(env)
	if c.Waiting {
		p.tellWaiting(env)
	}
	n := p.window.push(now)
	p.stats.Transmitted++
	p.latest = now
	if err := p.put(env, n); err != nil {
		p.refused(env, n, err)
	}
	if c.Deadline == 0 && n == c.Count {
		p.drained = true
		p.settled(env)
		return
	}
	p.due += int64(c.Interval)
	if now-p.due > max(maxBehind, int64(c.Interval)) {
		p.due = now
	}
	_ = p.next.ResetAt(p.start.Add(time.Duration(p.due))) // fails on a closed binding only
}

// put makes request n in place.
func (p *Pinger) put(env *proto.Env, n uint64) error {
	c := &p.Config
	s, err := env.Reserve(proto.Header{
		Src: p.src, Dst: c.Dst, IfIndex: c.IfIndex, Protocol: p.dialect.protocol,
		TTL: c.TTL, TOS: c.TOS, Frag: c.Frag, Cookie: n,
	}, headerLen+c.Size)
	if err != nil {
		return err
	}
	m := s.Payload()
	m[0], m[1], m[2], m[3] = p.dialect.request, 0, 0, 0
	binary.BigEndian.PutUint16(m[4:], c.ID)
	binary.BigEndian.PutUint16(m[6:], uint16(n))
	copy(m[headerLen:], p.template)
	if c.Size >= patternAt {
		binary.BigEndian.PutUint64(m[headerLen+cookieLen:], n)
	}
	sum := checksum.Sum(m)
	if p.dst.Is6() {
		// The source is the one the host has put into the header.
		sum = checksum.Combine(sum, checksum.PseudoHeaderBytes(s.Header()[8:40], p.dialect.protocol, len(m)))
	}
	binary.BigEndian.PutUint16(m[2:], ^sum)
	return s.Commit()
}

// refused accounts for request n, which the host did not take.
func (p *Pinger) refused(env *proto.Env, n uint64, err error) {
	e := transport.NetworkError{Origin: transport.OriginLocal, Errno: err, Protocol: p.dialect.protocol, Dst: p.dst, Cookie: n}
	var tooBig *transport.TooBigError
	if errors.As(err, &tooBig) {
		e.MTU, e.Errno = tooBig.MTU, syscall.EMSGSIZE
	}
	p.failed(env, n, &e)
}

// tellWaiting reports that the latest request is unanswered.
func (p *Pinger) tellWaiting(env *proto.Env) {
	n := p.window.last
	if !p.Config.Waiting || n == 0 || p.window.state(n) != waiting {
		return
	}
	p.event = Event{Kind: EventWaiting, Time: env.Now(), Seq: n}
	p.report()
}
