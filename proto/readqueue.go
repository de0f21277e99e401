// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net/netip"
	"sync"
	"time"

	"protean/transport"
)

// A record is one packet in a readQueue.
type record struct {
	off, len  int // of the payload in the arena
	src, dst  netip.Addr
	time      time.Time
	flowLabel uint32
	ifindex   int32
	fragSize  uint16
	ttl, tos  uint8
}

// A readQueue holds packets until they are read: the payloads in a circular
// arena of fixed size, so that a packet costs one copy and no allocation.
type readQueue struct {
	ready chan struct{}   // one slot: there may be something to read
	wake  transport.Timer // puts it there, if not nil

	mu      sync.Mutex
	arena   []byte // made with the first packet
	size    int
	records []record // circular; its length is a power of two
	head, n int      // first record, number of records
	tail    int      // where free arena begins
}

func (q *readQueue) init(size int) {
	q.ready = make(chan struct{}, 1)
	q.size = size
}

// signal has one reader look again.
func (q *readQueue) signal() {
	if q.wake != nil {
		q.wake.Reset(time.Time{})
		return
	}
	q.token()
}

func (q *readQueue) token() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// put copies p's payload into the queue. It reports false if there is no room.
func (q *readQueue) put(p *Packet) bool {
	b := p.Payload()
	q.mu.Lock()
	off, ok := q.alloc(len(b))
	if ok {
		copy(q.arena[off:], b)
		*q.push() = record{
			off: off, len: len(b), src: p.Src(), dst: p.Dst(), time: p.Time(),
			flowLabel: p.FlowLabel(), ifindex: p.IfIndex, fragSize: p.FragSize, ttl: p.TTL(), tos: p.TOS(),
		}
	}
	q.mu.Unlock()
	if ok {
		q.signal()
	}
	return ok
}

// maxRecords bounds the number of packets, which may all be empty.
const maxRecords = 1 << 16

// alloc finds n contiguous bytes of arena behind the last record's.
func (q *readQueue) alloc(n int) (off int, ok bool) {
	if q.arena == nil {
		q.arena = make([]byte, q.size)
	}
	if q.n == maxRecords {
		return 0, false
	}
	if q.n == 0 {
		q.tail = 0
	}
	n = max(n, 1) // so that tail meets the first record only when all is full
	first := 0
	if q.n > 0 {
		first = q.records[q.head].off
	}
	switch {
	case q.n == 0 || first < q.tail: // free: from tail to the end, and before first
		if n <= len(q.arena)-q.tail {
			off = q.tail
		} else if n <= first {
			off = 0
		} else {
			return 0, false
		}
	case n <= first-q.tail: // free: from tail to first
		off = q.tail
	default:
		return 0, false
	}
	q.tail = off + n
	return off, true
}

func (q *readQueue) push() *record {
	if q.n == len(q.records) {
		grown := make([]record, max(64, 2*q.n))
		for i := range q.n {
			grown[i] = q.records[(q.head+i)&(len(q.records)-1)]
		}
		q.records, q.head = grown, 0
	}
	q.n++
	return &q.records[(q.head+q.n-1)&(len(q.records)-1)]
}

// get copies the first packet into b, as much of it as fits.
func (q *readQueue) get(b []byte) (n int, r record, ok bool) {
	q.mu.Lock()
	if q.n == 0 {
		q.mu.Unlock()
		return 0, r, false
	}
	r = q.records[q.head]
	n = copy(b, q.arena[r.off:r.off+r.len])
	q.head = (q.head + 1) & (len(q.records) - 1)
	q.n--
	more := q.n > 0
	q.mu.Unlock()
	if more {
		q.signal() // for another reader
	}
	return n, r, true
}
