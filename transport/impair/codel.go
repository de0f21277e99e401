// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"math"
	"time"

	"protean/transport/internal/fifo"
)

// CoDel is active queue management by RFC 8289: packets are dropped from the
// head of the queue, ever more often, as long as each waits longer than Target.
type CoDel struct {
	Target   time.Duration // zero means [DefaultTarget]
	Interval time.Duration // zero means [DefaultInterval]

	// ECN has packets of ECN-capable transports (RFC 3168) marked instead of
	// dropped.
	ECN bool
}

// Defaults of CoDel (RFC 8289, sections 4.3 and 4.4), and the queue below which
// it does not drop: one packet of an Ethernet.
const (
	DefaultTarget   = 5 * time.Millisecond
	DefaultInterval = 100 * time.Millisecond
	codelMaxPacket  = 1500
)

func (q *CoDel) text() string {
	s := " codel"
	if q.Target != 0 {
		s += fmt.Sprintf(" target %v", q.Target)
	}
	if q.Interval != 0 {
		s += fmt.Sprintf(" interval %v", q.Interval)
	}
	if q.ECN {
		s += " ecn"
	}
	return s
}

func (q *CoDel) check() string {
	return first(checkDelay("the target", q.Target), checkDelay("the interval", q.Interval))
}

// codel is a line with a queue that CoDel manages. The pseudocode of RFC 8289,
// section 5, dequeues packets in a loop; here each packet at the head is decided
// on by itself, and state tells where in that loop it is.
type codel struct {
	line
	packets, bytes   int
	target, interval int64
	ecn              bool

	queue  fifo.Queue[wait] // start is when it came
	queued int              // bytes in queue

	state       codelState
	dropping    bool
	count, last uint32 // drops since dropping began; the same when it last began
	firstAbove  int64  // when the delay will have been above the target for an interval; 0: it is not above
	dropNext    int64
}

type codelState uint8

const (
	dequeueing codelState = iota // deque() begins
	inLoop                       // it dropped a packet, dropping already
	entering                     // it dropped a packet to begin dropping
)

func newCoDel(r Rate, l line) *codel {
	q := &codel{
		line: l, packets: r.Packets, bytes: r.Bytes, ecn: r.CoDel.ECN,
		target: int64(r.CoDel.Target), interval: int64(r.CoDel.Interval),
	}
	if q.target == 0 {
		q.target = int64(DefaultTarget)
	}
	if q.interval == 0 {
		q.interval = int64(DefaultInterval)
	}
	return q
}

func (q *codel) timed() bool { return true }

func (q *codel) reset() {
	q.line.reset()
	q.queue, q.queued = fifo.Queue[wait]{}, 0
	q.state, q.dropping, q.count, q.last, q.firstAbove, q.dropNext = dequeueing, false, 0, 0, 0, 0
}

func (q *codel) pass(u *unit, c *core) verdict {
	size := len(u.data)
	if !q.carries(size) || q.queue.Len() >= q.packets || q.bytes > 0 && q.queued+size > q.bytes {
		return c.queueDrop()
	}
	c.leaves(u.at)
	*q.queue.Add() = wait{u.at, size}
	q.queued += size
	return keep
}

func (q *codel) due(now int64) int64 { return q.start(q.queue.At(0).size, now) }

func (q *codel) decide(u *unit, c *core, more bool) verdict {
	w := *q.queue.At(0)
	start := q.start(w.size, c.now)
	if start > c.now {
		return keep
	}
	q.queue.Drop()
	q.queued -= w.size
	ok := q.okToDrop(c.now-w.start, c.now)
	if q.drops(ok, u, c) {
		if !more {
			q.none(c.now)
		}
		c.fate = QueueDropped
		return gone
	}
	u.at = q.take(w.size, start)
	return goOn
}

// okToDrop is dodequeue() for a packet that waited so long.
func (q *codel) okToDrop(sojourn, now int64) bool {
	switch {
	case sojourn < q.target || q.queued <= codelMaxPacket:
		q.firstAbove = 0
	case q.firstAbove == 0:
		q.firstAbove = now + q.interval
	default:
		return now >= q.firstAbove
	}
	return false
}

// none is dodequeue() without a packet, in the midst of deque().
func (q *codel) none(now int64) {
	q.firstAbove = 0
	if q.state == entering {
		q.enter(now)
	}
	q.state, q.dropping = dequeueing, false
}

// drops is deque() for one packet at the head.
func (q *codel) drops(ok bool, u *unit, c *core) bool {
	state := q.state
	q.state = dequeueing
	switch {
	case state == entering:
		q.enter(c.now)
		return false
	case state == inLoop:
		if !ok {
			q.dropping = false
			return false
		}
		q.dropNext = q.control(q.dropNext)
		fallthrough
	case q.dropping:
		if !ok {
			q.dropping = false
			return false
		}
		if c.now < q.dropNext {
			return false
		}
		q.count++
		if q.ecn && mark(u, c) {
			q.dropNext = q.control(q.dropNext)
			return false
		}
		q.state = inLoop
		return true
	case ok:
		if q.ecn && mark(u, c) {
			q.enter(c.now)
			return false
		}
		q.state = entering
		return true
	}
	return false
}

// enter begins dropping. If the last time was not long ago it goes on at about
// the rate that controlled the queue then.
func (q *codel) enter(now int64) {
	q.dropping = true
	delta := q.count - q.last
	q.count = 1
	if delta > 1 && now-q.dropNext < 16*q.interval {
		q.count = delta
	}
	q.dropNext = q.control(now)
	q.last = q.count
}

// control is control_law().
func (q *codel) control(at int64) int64 {
	return at + int64(float64(q.interval)/math.Sqrt(float64(q.count)))
}

// mark marks a packet as having experienced congestion, if its transport is
// ECN-capable.
func mark(u *unit, c *core) bool {
	if ecn(u.data) == 0 {
		return false
	}
	c.writable(u)
	setECN(u.data, ecnCE)
	c.noted(Marked)
	return true
}
