// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"protean/ring"
	"protean/transport"
)

// A ringSender sends through a ring shared with the kernel.
//
// Packets are copied from their slots into the ring's frames, in the order of
// Commit: the kernel takes frames strictly in order, while slots are given back
// unused, dropped, held by several batches, and kept beyond Close, none of
// which a frame could be. So a packet is copied once, as it is by sendmmsg(2).
type ringSender struct {
	mu   sync.Mutex // guards what follows
	tx   *ring.Tx
	down error // what keeps the kernel from sending, if it lasts
}

// open makes the ring of a socket that does nothing else.
func (s *ringSender) open(t *Transport, fd int) error {
	c := &ring.TxConfig{FrameSize: 2048, Frames: max(ring.DefaultTxFrames, t.cfg.Batch)}
	for c.FrameSize < t.frameSize() {
		c.FrameSize *= 2
		c.Frames = max(c.Frames/2, t.cfg.Batch)
	}
	tx, err := ring.NewTx(fd, c)
	if err != nil {
		return ringError(err)
	}
	s.tx = tx
	return nil
}

func (s *ringSender) close() {
	if s.tx != nil {
		s.tx.Close() // nobody uses it any more
	}
}

// sendRing is send over a ring.
func (q *queue) sendRing(slots []transport.Slot) (taken int, err error) {
	s := &q.tx.ring
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		if s.kick(q); s.down != nil {
			return 0, opError("write", s.down)
		}
	}
	n, hold := 0, false
	for n < len(slots) {
		var h hop
		if h, err = q.route(&slots[n]); err != nil {
			break
		}
		if hold = h.state != hopReady; hold {
			break
		}
		b := s.tx.Data(n)
		if b == nil {
			err = transport.ErrNoSlots
			break
		}
		data := slots[n].Data
		size := q.tx.header + len(data)
		if size > len(b) {
			err = &transport.TooBigError{Size: len(data), MTU: len(b) - q.tx.header}
			break
		}
		if q.tx.header > 0 {
			putHeader((*[headerLen]byte)(b), h.mac, q.tx.policy.source(data, q.tx.source), protocolOf(data))
		}
		copy(b[q.tx.header:], data)
		if err = s.tx.Fill(n, size); err != nil {
			break
		}
		n++
	}
	if n > 0 {
		s.tx.Request(n)
		s.kick(q)
		return n, nil // what stopped it comes first the next time
	}
	switch {
	case hold:
		if err := q.hold(&slots[0]); err != nil {
			return 0, err
		}
		return 1, nil
	case err == transport.ErrNoSlots:
		s.kick(q)
		q.tryLater()
	}
	return 0, err
}

// kick has the kernel send, and counts what it has sent. The caller holds mu.
func (s *ringSender) kick(q *queue) {
	err := s.tx.Kick()
	s.down = nil
	switch {
	case err == nil:
	case errors.Is(err, unix.ENXIO):
		s.down = err
		q.t.interfaceGone()
	case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.ENOBUFS) && !q.t.carrier():
		s.down = err
	default: // the device or the socket has no room now
		q.tryLater()
	}
	s.count(q)
}

// count takes in what became of packets. The caller holds mu.
func (s *ringSender) count(q *queue) {
	sent, wrong := s.tx.Sent()
	q.stats.addSent(sent, wrong, s.tx.SentBytes()-sent*uint64(q.tx.header))
}

// again has packets sent that the kernel had no room for. It is called when
// that may have changed, and before statistics are read.
func (s *ringSender) again(q *queue) {
	if s.tx == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx.UnderWay() > 0 {
		s.kick(q)
	} else {
		s.count(q)
	}
}

// drain waits until everything is sent, for a while, and counts the rest.
func (s *ringSender) drain(q *queue) {
	if s.tx == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.tx.Drain(time.Now().Add(closePatience))
	s.count(q)
	q.stats.addUnsent(uint64(left))
}
