// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"encoding/binary"
	"errors"
	"sync"

	"protean/proto/wire"
	"protean/transport"
)

// A carrier is a transport for any protocol over one for echo messages: it
// carries the payload of a packet as the data of a message whose identifier
// tells the protocol. One end sends requests, the other replies.
type carrier struct {
	transport.Transport
	replies bool // it sends replies
	queues  []transport.Queue

	mu    sync.Mutex // guards bound
	bound map[uint8]bool
}

const (
	carrierHead = 8
	carrierID   = 0x5000 // plus the protocol
)

func newCarrier(t transport.Transport, replies bool) *carrier {
	c := &carrier{Transport: t, replies: replies, bound: map[uint8]bool{}}
	c.queues = []transport.Queue{&carrierQueue{Queue: t.Queues()[0], c: c}}
	return c
}

func (c *carrier) Queues() []transport.Queue { return c.queues }

func (c *carrier) Caps() transport.Caps {
	caps := c.Transport.Caps()
	caps.MaxPacket -= carrierHead
	return caps
}

func (c *carrier) Interfaces() []transport.Interface {
	all := c.Transport.Interfaces()
	for i := range all {
		all[i].MTU -= carrierHead
	}
	return all
}

func (c *carrier) Bind(protocol int) error {
	if protocol == transport.AnyProtocol {
		return c.Transport.Bind(protocol)
	}
	if err := transport.CheckProtocol(protocol, true); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bound[uint8(protocol)] = true
	return errors.Join(c.Transport.Bind(wire.ProtoICMP), c.Transport.Bind(wire.ProtoICMPv6))
}

func (c *carrier) Unbind(protocol int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if delete(c.bound, uint8(protocol)); len(c.bound) > 0 {
		return nil
	}
	return errors.Join(c.Transport.Unbind(wire.ProtoICMP), c.Transport.Unbind(wire.ProtoICMPv6))
}

func (c *carrier) isBound(protocol uint8) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bound[protocol]
}

type carrierQueue struct {
	transport.Queue
	c      *carrier
	sink   transport.Sink
	packet transport.Packet
	n      int // delivered in the Recv in progress
}

func (q *carrierQueue) Recv(s transport.Sink, limit int) (int, error) {
	q.sink, q.n = s, 0
	for {
		n, err := q.Queue.Recv(q, limit-q.n)
		if n == 0 || err != nil || q.n >= limit {
			return q.n, err
		}
	}
}

func (q *carrierQueue) Event(e *transport.Event) { q.sink.Event(e) }

// Deliver takes the packet out of a message: the header moves up to the data.
func (q *carrierQueue) Deliver(p *transport.Packet) {
	m := p.Payload()
	e := wire.ICMPEcho{Reply: !q.c.replies}
	var want [8]byte
	if e.MarshalV4(want[:]); p.Is6() {
		e.MarshalV6(want[:], p.Src(), p.Dst())
	}
	if len(m) < carrierHead || m[0] != want[0] {
		return
	}
	id := binary.BigEndian.Uint16(m[4:])
	protocol := uint8(id)
	if id&0xff00 != carrierID || !q.c.isBound(protocol) {
		return
	}
	h := p.HeaderLen()
	b := p.Data[carrierHead:]
	copy(b[:h], p.Data[:h])
	setCarried(b, h, protocol, -carrierHead)
	flags := transport.FlagHeaderVerified | p.Type().Flag() | p.TimeSource().Flag()
	for f := transport.Field(1); f <= transport.FieldDst; f <<= 1 {
		if !p.Known(f) {
			flags |= transport.Unknown(f)
		}
	}
	a := transport.Arrival{Time: p.UnixNano(), IfIndex: p.IfIndex, FragSize: p.FragSize, Flags: flags}
	if bad := q.packet.Load(b, a); bad != wire.NotMalformed {
		panic(bad)
	}
	q.n++
	q.sink.Deliver(&q.packet)
}

// setCarried gives a header another protocol, and adds to its length.
func setCarried(b []byte, h int, protocol uint8, n int) {
	if b[0]>>4 == 4 {
		b[9] = protocol
		binary.BigEndian.PutUint16(b[2:], binary.BigEndian.Uint16(b[2:])+uint16(n))
		return
	}
	at := 6
	if h > 40 { // of one extension header
		at = 40
	}
	b[at] = protocol
	binary.BigEndian.PutUint16(b[4:], binary.BigEndian.Uint16(b[4:])+uint16(n))
}

// wrap makes a packet the message that carries it; what is malformed, or too
// big, stays as it is.
func (q *carrierQueue) wrap(s *transport.Slot) (protocol uint8, ok bool) {
	var p transport.Packet
	n := len(s.Data)
	if p.Load(s.Data, transport.Arrival{Flags: transport.FlagHeaderVerified}) != wire.NotMalformed ||
		int(p.Len) != n || n > q.c.Caps().MaxPacket || !p.Is6() && n > 65535-carrierHead {
		return 0, false
	}
	protocol = p.Protocol()
	h := p.HeaderLen()
	b := s.Data[:n+carrierHead]
	copy(b[h+carrierHead:], b[h:n])
	e := wire.ICMPEcho{Reply: q.c.replies, ID: carrierID | uint16(protocol), Data: b[h+carrierHead:]}
	if p.Is6() {
		setCarried(b, h, wire.ProtoICMPv6, carrierHead)
		e.MarshalV6(b[h:], p.Src(), p.Dst())
	} else {
		setCarried(b, h, wire.ProtoICMP, carrierHead)
		e.MarshalV4(b[h:])
	}
	s.Data = b
	return protocol, true
}

// unwrap undoes wrap.
func unwrap(s *transport.Slot, protocol uint8) {
	var p transport.Packet
	p.Load(s.Data, transport.Arrival{Flags: transport.FlagHeaderVerified})
	h, n := p.HeaderLen(), len(s.Data)-carrierHead
	copy(s.Data[h:], s.Data[h+carrierHead:])
	s.Data = s.Data[:n]
	setCarried(s.Data, h, protocol, -carrierHead)
}

func (q *carrierQueue) Commit(b *transport.Batch, n int) (int, error) {
	type kept struct {
		protocol uint8
		ok       bool
	}
	was := make([]kept, max(n, 0))
	for i := range was {
		was[i].protocol, was[i].ok = q.wrap(&b.Slots[i])
	}
	sent, err := q.Queue.Commit(b, n)
	for i, w := range was[sent:] {
		if w.ok {
			unwrap(&b.Slots[i], w.protocol)
		}
	}
	var big *transport.TooBigError
	switch limit := q.c.Caps().MaxPacket; {
	case errors.As(err, &big):
		err = &transport.TooBigError{Size: big.Size - carrierHead, MTU: big.MTU - carrierHead}
	case err != nil && len(b.Slots) > 0 && len(b.Slots[0].Data) > limit:
		err = &transport.TooBigError{Size: len(b.Slots[0].Data), MTU: limit}
	}
	return sent, err
}
