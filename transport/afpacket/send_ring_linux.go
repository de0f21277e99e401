// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"protean/ring"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// A ringSender sends through a ring shared with the kernel. Slots are the ring's
// frames, and packets are sent from where they were written, if they are
// committed in the order in which they were reserved. Otherwise they are copied
// to the frame whose turn it is; and if somebody holds that, they go around the
// ring, through the transmitter's other socket.
type ringSender struct {
	fd     int
	opened bool
	batch  int // most slots that are lent
	header int // bytes of link header

	mu   sync.Mutex // guards what follows
	tx   *ring.Tx   // nil without a ring; set by open only
	down error      // what keeps the kernel from sending, if it lasts
	full stall

	timer *time.Timer // that kicks, made when it is needed first
	later bool        // it may be running
}

const (
	ringFrames   = 256  // of a queue, if there are not too many queues
	ringMappings = 8192 // frames of all queues, which take two mappings each of the 65,530 that a process may have
)

// open makes the ring, on a socket of its own.
func (s *ringSender) open(t *Transport) (err error) {
	if s.fd, err = t.socket(); err != nil {
		return err
	}
	s.opened, s.batch, s.header = true, t.cfg.Batch, t.link.header
	c := &ring.TxConfig{
		FrameSize: os.Getpagesize(),
		Frames:    max(min(ringFrames, ringMappings/t.cfg.Queues), t.cfg.Batch),
		Room:      s.header + maxPacket(true),
	}
	for c.FrameSize < t.frameSize() {
		c.FrameSize *= 2
	}
	tx, err := ring.NewTx(s.fd, c)
	if err != nil {
		return ringError(err)
	}
	s.tx = tx
	return t.prepareSender(s.fd)
}

func (s *ringSender) close() {
	if s.tx != nil {
		s.tx.Close() // nobody uses it any more
	}
	if s.opened {
		unix.Close(s.fd)
	}
}

// reserve is Reserve.
func (s *ringSender) reserve(q *queue, b *transport.Batch, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	had := len(b.Slots)
	for n = min(n, s.batch-s.tx.Lent()); n > 0; n-- {
		i := s.tx.Reserve()
		if i < 0 {
			break
		}
		at := s.tx.Data(i)[s.header:]
		b.Append(at[:0], uint64(i)+1)
	}
	if len(b.Slots) > had {
		return nil
	}
	q.starved.Store(true)
	if s.tx.Lent() < s.batch { // the kernel has all others
		s.kick(q)
		q.tryLater()
	}
	return transport.ErrNoSlots
}

// give takes slots back unused.
func (s *ringSender) give(slots []transport.Slot) {
	if len(slots) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range slots {
		s.tx.Release(int(slots[i].Ref) - 1)
	}
}

// room reports whether Reserve may find a slot.
func (s *ringSender) room() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tx.Lent() < s.batch
}

// commit sends what it can of slots, in order, and takes those back.
func (s *ringSender) commit(q *queue, slots []transport.Slot, out *outcome) (sent int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil && len(slots) > 0 {
		if s.kick(q); s.down != nil {
			return 0, opError("write", s.down)
		}
	}
	for sent < len(slots) && err == nil {
		var k int
		if k, err = s.queue(q, slots[sent:]); k == 0 && err == ring.ErrOrder {
			k, err = s.around(q, slots[sent:], out)
		}
		sent += k
	}
	return sent, err
}

// queue has packets at the start of slots sent by the ring, and takes those slots
// back. An error is about the first if none was taken, and otherwise comes again.
func (s *ringSender) queue(q *queue, slots []transport.Slot) (taken int, err error) {
	var h *hop
	bytes := 0
	for taken < min(len(slots), ring.KickEvery) && bytes < sockio.MaxSendBytes {
		slot := &slots[taken]
		if h, err = q.route(slot); err != nil || h.state != hopReady {
			break
		}
		i := int(slot.Ref) - 1
		frame := s.tx.Data(i)
		size := s.header + len(slot.Data)
		if size > len(frame) {
			err = &transport.TooBigError{Size: len(slot.Data), MTU: len(frame) - s.header}
			break
		}
		if s.header > 0 {
			q.tx.putHeader(frame, slot.Data, h)
		}
		if err = s.tx.Request(i, size); err != nil {
			break
		}
		bytes += size
		taken++
	}
	if taken > 0 {
		s.kick(q)
		return taken, nil
	}
	if err != nil {
		return 0, err
	}
	if err = q.hold(&slots[0]); err != nil {
		return 0, err
	}
	s.tx.Release(int(slots[0].Ref) - 1)
	return 1, nil
}

// around sends packets at the start of slots past the ring, behind all that is in
// it, and takes those slots back.
func (s *ringSender) around(q *queue, slots []transport.Slot, out *outcome) (taken int, err error) {
	if s.tx.Waiting() {
		if s.kick(q); s.tx.Waiting() {
			q.tryLater()
			return 0, transport.ErrNoSlots
		}
	}
	taken, err = q.send(slots, out)
	for i := range slots[:taken] {
		s.tx.Release(int(slots[i].Ref) - 1)
	}
	return taken, err
}

// kick has the kernel send, and counts what it has sent. The caller holds mu.
func (s *ringSender) kick(q *queue) {
	err := s.tx.Kick()
	s.down = nil
	switch {
	case err == nil:
		s.noKickLater()
	case errors.Is(err, unix.ENXIO):
		s.down = err
		s.noKickLater()
		q.t.interfaceGone()
	case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.ENOBUFS) && !q.t.carrier():
		s.down = err
		if s.tx.Waiting() {
			s.kickLater(q, tryDownAfter)
		}
	default: // the device or the socket has no room now
		if sent, _ := s.tx.Sent(); errors.Is(err, unix.ENOBUFS) && s.full.lasts(sent) {
			s.tx.GiveUp()
			s.tx.Kick() // the next one tells what is left
		}
		q.tryLater()
		s.kickLater(q, tryAfter)
	}
	s.count(q)
}

// count takes in what became of packets. The caller holds mu.
func (s *ringSender) count(q *queue) {
	sent, wrong := s.tx.Sent()
	q.stats.addSent(sent, wrong, s.tx.SentBytes()-sent*uint64(s.header))
}

// again has packets sent that the kernel had no room for. It is called when
// that may have changed, by the timer, and before statistics are read.
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

// drain waits until everything is sent, for as long as until the given time, and
// counts the rest.
func (s *ringSender) drain(q *queue, end time.Time) {
	if s.tx == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.tx.Drain(end)
	s.count(q)
	q.stats.addUnsent(uint64(left))
}
