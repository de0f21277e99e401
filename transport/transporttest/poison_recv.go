// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"
	"net/netip"
	"time"

	"protean/transport"
)

// Wait implements transport.Queue.
func (q *poisonedQueue) Wait(until time.Time) error {
	q.receiving.enter("Wait", "Recv or Wait")
	defer q.receiving.leave()
	return q.Queue.Wait(until)
}

// Recv implements transport.Queue.
func (q *poisonedQueue) Recv(s transport.Sink, limit int) (int, error) {
	q.receiving.enter("Recv", "Recv or Wait")
	defer q.receiving.leave()
	q.sink.bury() // what is left of a panic
	q.sink.Sink = s
	return q.Queue.Recv(&q.sink, limit)
}

// A poisonedSink hands copies on and overwrites them afterwards: at once, or,
// if the sink panics, with the next Recv, until which they are valid.
type poisonedSink struct {
	transport.Sink
	dead *transport.Packet // to be overwritten
}

// bury overwrites a packet.
func (s *poisonedSink) bury() {
	p := s.dead
	if p == nil {
		return
	}
	s.dead = nil
	// The unexported fields can only be made zero: a kept packet says that it
	// is IPv4, without a header, from 219.219.219.219.
	dead := p.Data[:cap(p.Data)]
	fill(dead)
	*p = transport.Packet{Data: dead, Len: 0xdbdbdbdb, IfIndex: -0x24242425, FragSize: 0xdbdb} // IfIndex is 0xdbdbdbdb, too
}

// Deliver implements transport.Sink.
func (s *poisonedSink) Deliver(p *transport.Packet) {
	own := p.Clone()
	fill(p.Data[:len(p.Data):len(p.Data)])
	s.dead = own
	s.Sink.Deliver(own)
	s.bury()
}

// Event implements transport.Sink.
func (s *poisonedSink) Event(e *transport.Event) {
	own := *e
	defer func() { own = transport.Event{Kind: poison, Lost: 0xdbdbdbdbdbdbdbdb} }()
	if e.Interface != nil {
		i := e.Interface.Clone()
		own.Interface = &i
		defer func() {
			fill(i.HardwareAddr)
			clear(i.Prefixes)
			i = transport.Interface{Index: -1, Name: "no longer valid"}
		}()
	}
	if e.Sent != nil {
		sent := *e.Sent
		own.Sent = &sent
		defer func() {
			sent = transport.Sent{Protocol: poison, Cookie: 0xdbdbdbdbdbdbdbdb, Source: poison}
		}()
	}
	if e.Err != nil {
		err := *e.Err
		err.Quoted = bytes.Clone(err.Quoted)
		own.Err = &err
		defer func() {
			fill(err.Quoted)
			err = transport.NetworkError{Origin: poison, Type: poison, Code: poison, Protocol: poison,
				Offender: netip.Addr{}, MTU: -1, Cookie: 0xdbdbdbdbdbdbdbdb, Quoted: err.Quoted}
		}()
	}
	s.Sink.Event(&own)
}
