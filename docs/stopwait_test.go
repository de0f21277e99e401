// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"syscall"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/transport"
)

// What follows is the protocol that writing-a-protocol.md builds.

// A packet is a kind, a zero, the Internet checksum of all of it (RFC 1071),
// and a sequence number; with DATA the message follows.
const (
	data = iota
	ack
	headerLen = 8
)

const (
	timeout  = 200 * time.Millisecond
	maxTries = 20
	maxQueue = 64

	maxMessage = 65535 - 20 - headerLen // what an IPv4 packet holds
)

var errFull = errors.New("stop-and-wait: too many messages wait")

// An End is one end of the protocol: it repeats a message until the peer
// acknowledges it, and then goes on with the next.
type End struct {
	Peer    netip.Addr
	Deliver func(env *proto.Env, msg []byte) // msg is valid until it returns

	b *proto.Binding

	// The rest belongs to the loop.
	queue [][]byte     // to be sent; the first message is on its way
	acked uint32       // messages the peer has, so the first one's number
	tries int          // times the first message was sent
	timer *proto.Timer // until it is sent again
	err   error        // why the end gave up
	want  uint32       // number of the peer's next message
}

// Start is called before the first packet.
func (e *End) Start(env *proto.Env) error {
	e.b = env.Binding()
	e.timer = env.NewTimer(e.expired)
	return nil
}

// HandlePacket is called for each packet of the protocol.
func (e *End) HandlePacket(env *proto.Env, p *proto.Packet) error {
	b := p.Payload()
	switch {
	case p.Src() != e.Peer:
		return transport.Filtered
	case len(b) < headerLen || b[0] > ack:
		return transport.Malformed
	case !checksum.Verify(b):
		return transport.BadChecksum
	}
	seq := binary.BigEndian.Uint32(b[4:])
	if b[0] == ack {
		return e.handleAck(env, seq)
	}
	return e.handleData(env, seq, b[headerLen:])
}

func (e *End) handleAck(env *proto.Env, seq uint32) error {
	if len(e.queue) == 0 || seq != e.acked {
		return transport.Duplicate
	}
	e.queue = e.queue[1:]
	e.acked++
	e.tries = 0
	env.Notify() // somebody may wait for this in Send
	e.transmit(env)
	return nil
}

func (e *End) handleData(env *proto.Env, seq uint32, msg []byte) error {
	if int32(seq-e.want) > 0 {
		return transport.Malformed // the peer cannot be ahead
	}
	e.send(env, ack, seq, nil) // a duplicate, too: its ACK may be what was lost
	if seq != e.want {
		return transport.Duplicate
	}
	e.want++
	e.Deliver(env, msg)
	return nil
}

// send sends one packet. If there is no room or no route now, that is as if it
// were lost on the way: the timer sees to it.
func (e *End) send(env *proto.Env, kind byte, seq uint32, msg []byte) {
	s, err := env.Reserve(proto.Header{Dst: e.Peer}, headerLen+len(msg))
	if err != nil {
		env.Log().Warn("stop-and-wait: send", "error", err)
		return
	}
	b := s.Payload() // undefined: write all of it
	b[0], b[1], b[2], b[3] = kind, 0, 0, 0
	binary.BigEndian.PutUint32(b[4:], seq)
	copy(b[headerLen:], msg)
	binary.BigEndian.PutUint16(b[2:], checksum.Checksum(b))
	s.Commit()
}

// transmit sends the first message, if there is one, and arms the timer.
func (e *End) transmit(env *proto.Env) {
	if len(e.queue) == 0 {
		e.timer.Stop()
		return
	}
	e.tries++
	e.send(env, data, e.acked, e.queue[0])
	e.timer.Reset(timeout)
}

func (e *End) expired(env *proto.Env) {
	if e.tries == maxTries {
		e.fail(env, os.ErrDeadlineExceeded)
		return
	}
	e.transmit(env)
}

func (e *End) fail(env *proto.Env, err error) {
	e.err, e.queue = err, nil
	e.timer.Stop()
	env.Notify()
}

// HandleError is called for packets that could not be sent.
func (e *End) HandleError(env *proto.Env, ne *proto.NetworkError) error {
	if errors.Is(ne, syscall.EPERM) {
		e.fail(env, ne.Errno) // a firewall forbids it: sending it again would not help
	}
	return nil
}

// enqueue returns what acked will be when the peer has the message.
func (e *End) enqueue(env *proto.Env, msg []byte) (uint32, error) {
	switch {
	case e.err != nil:
		return 0, e.err
	case len(e.queue) == maxQueue:
		return 0, errFull
	case len(msg) > maxMessage:
		return 0, syscall.EMSGSIZE
	}
	e.queue = append(e.queue, bytes.Clone(msg)) // it may have to be sent again
	if len(e.queue) == 1 {
		e.transmit(env)
	}
	return e.acked + uint32(len(e.queue)), nil
}

// Send sends a message and returns when the peer has it, or it never will.
func (e *End) Send(cancel <-chan struct{}, msg []byte) error {
	var done uint32
	var err error
	if closed := e.b.Do(func(env *proto.Env) { done, err = e.enqueue(env, msg) }); closed != nil {
		return closed
	}
	if err != nil {
		return err
	}
	waited := e.b.Await(cancel, func(*proto.Env) bool {
		if int32(e.acked-done) >= 0 {
			return true
		}
		err = e.err
		return err != nil
	})
	if waited != nil {
		return waited
	}
	return err
}
