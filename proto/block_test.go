// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"encoding/binary"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/transport"
)

// blockTransport delivers packets that lie in a block of memory, round and
// round, as a ring would, and throws away what it is given to send.
type blockTransport struct {
	caps transport.Caps
	q    []transport.Queue
}

type blockQueue struct {
	frames   [][]byte
	packet   transport.Packet
	next     int
	limit    int // packets left to deliver
	events   []transport.Event
	noSlots  bool
	wakes    int
	slots    [][]byte
	lent     int
	sent     int
	sendErrs []error // for the packets to come, nil: sent
}

func (t *blockTransport) Queues() []transport.Queue { return t.q }
func (t *blockTransport) Bind(int) error            { return nil }
func (t *blockTransport) Unbind(int) error          { return nil }
func (t *blockTransport) Caps() transport.Caps      { return t.caps }
func (t *blockTransport) Close() error              { return nil }
func (t *blockTransport) Interfaces() []transport.Interface {
	return []transport.Interface{{Index: 1, Name: "blk0", MTU: 1500, Up: true}}
}

func (q *blockQueue) Wait(time.Time) error { return transport.ErrStepped }
func (q *blockQueue) Wake()                { q.wakes++ }

func (q *blockQueue) Recv(s transport.Sink, limit int) (n int, err error) {
	for len(q.events) > 0 {
		e := q.events[0]
		q.events = q.events[1:]
		s.Event(&e)
	}
	p := &q.packet
	for n < limit && q.limit > 0 {
		q.limit--
		n++
		f := q.frames[q.next]
		if q.next++; q.next == len(q.frames) {
			q.next = 0
		}
		if p.Load(f, transport.Arrival{Time: 1, IfIndex: 1}) == 0 {
			s.Deliver(p)
		}
	}
	return n, nil
}

func (q *blockQueue) Reserve(b *transport.Batch, n int) error {
	if q.noSlots {
		return transport.ErrNoSlots
	}
	for range n {
		i := len(b.Slots)
		for len(q.slots) <= i {
			q.slots = append(q.slots, make([]byte, 2000))
		}
		b.Slots = append(b.Slots, transport.Slot{Data: q.slots[i][:0]})
	}
	q.lent += n
	return nil
}

func (q *blockQueue) Commit(b *transport.Batch, n int) (sent int, err error) {
	q.lent -= len(b.Slots)
	b.Truncate(n)
	for sent < n {
		if q.noSlots {
			err = transport.ErrNoSlots
			break
		}
		if len(q.sendErrs) > 0 {
			e := q.sendErrs[0]
			q.sendErrs = q.sendErrs[1:]
			if e != nil {
				err = e
				break
			}
		}
		sent++
	}
	q.sent += sent
	b.Shift(sent)
	q.lent += len(b.Slots)
	return sent, err
}

// blockHost is a host over one block of 1024 packets of 60 bytes for the
// given protocols in turn; 253 if there are none.
func blockHost(tb testing.TB, cfg *proto.Config, protocols ...uint8) (*proto.Host, *blockQueue) {
	tb.Helper()
	if len(protocols) == 0 {
		protocols = []uint8{253}
	}
	block := make([]byte, 1024*64)
	q := &blockQueue{}
	for i := range 1024 {
		f := block[i*64 : i*64+60 : i*64+60]
		copy(f, []byte{0x45, 0, 0, 60, 0, 1, 0, 0, 64, protocols[i%len(protocols)], 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})
		binary.BigEndian.PutUint16(f[10:], checksum.Checksum(f[:20]))
		q.frames = append(q.frames, f)
	}
	t := &blockTransport{
		caps: transport.Caps{Name: "block", Batch: 64, MaxPacket: 2000, V4: true, V6: true},
		q:    []transport.Queue{q},
	}
	h, err := proto.NewHost(t, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return h, q
}
