// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"strings"
	"time"

	"protean/transport/internal/fifo"
)

// Rate is a line of limited speed with a queue before it. A packet that finds
// the line busy waits; one for which the queue has no room is dropped
// (drop-tail).
type Rate struct {
	// Bits is the speed in bits per second, counted from the IP header on.
	Bits int64

	// Burst, if set, makes it a token bucket of that many bytes: the line is
	// infinitely fast, but only as long as there are tokens, which come at
	// Bits. A packet larger than the bucket is dropped. See tbf in tc(8).
	Burst int

	// Trace, if set, takes the place of Bits: the times, in order, at which up
	// to [OpportunityBytes] may be sent, as in the traces of mahimahi. The last
	// is also the period after which they come again; the first period begins
	// with the first packet.
	Trace []time.Duration

	// Packets and Bytes limit the queue, not counting the packet that is being
	// sent. Zero Packets means [DefaultQueuePackets], zero Bytes no limit in
	// bytes.
	Packets int
	Bytes   int

	// CoDel, if set, manages the queue.
	CoDel *CoDel
}

// Defaults of Rate, and what an opportunity of its Trace is worth.
const (
	DefaultQueuePackets = 1000 // as the txqueuelen of Linux interfaces
	OpportunityBytes    = 1500

	maxBits  = 1e15    // so that no product overflows
	maxBurst = 1 << 29 // the same
)

// String implements [Stage].
func (r Rate) String() string {
	var b strings.Builder
	b.WriteString("rate ")
	if len(r.Trace) > 0 {
		b.WriteString("trace ")
		writeDurations(&b, r.Trace)
	} else {
		b.WriteString(bitsText(r.Bits))
	}
	if r.Burst != 0 {
		b.WriteString(" burst " + bytesText(r.Burst))
	}
	if r.Packets != 0 {
		fmt.Fprintf(&b, " limit %dp", r.Packets)
	}
	if r.Bytes != 0 {
		b.WriteString(" limit " + bytesText(r.Bytes))
	}
	if r.CoDel != nil {
		b.WriteString(r.CoDel.text())
	}
	return b.String()
}

func (r Rate) check() string {
	switch {
	case len(r.Trace) > 0 && (r.Bits != 0 || r.Burst != 0):
		return "has both a trace and a speed"
	case len(r.Trace) == 0 && r.Bits <= 0:
		return "the speed is not positive"
	case r.Bits > maxBits:
		return "the speed is more than 1000 tbit"
	case r.Burst < 0 || r.Burst > maxBurst:
		return "the burst is not in 0 to 512mb"
	case r.Packets < 0 || r.Bytes < 0:
		return "the limit is negative"
	}
	for i, t := range r.Trace {
		switch {
		case i > 0 && t < r.Trace[i-1]:
			return "the trace goes back in time"
		case i == len(r.Trace)-1 && t <= 0:
			return "the trace takes no time"
		}
		if s := checkDelay("a time of the trace", t); s != "" {
			return s
		}
	}
	if r.CoDel != nil {
		return r.CoDel.check()
	}
	return ""
}

func (r Rate) compile(c *compiler) runner {
	if r.Packets == 0 {
		r.Packets = DefaultQueuePackets
	}
	l := line{bits: r.Bits, burst: r.Burst, trace: r.Trace}
	l.reset()
	if r.CoDel != nil {
		return newCoDel(r, l)
	}
	return &rate{line: l, packets: r.Packets, bytes: r.Bytes}
}

// rate is a line with a drop-tail queue. Since nothing is decided later, it
// knows at once when a packet will have left.
type rate struct {
	line
	packets, bytes int
	waiting        fifo.Queue[wait]
	queued         int // bytes in waiting
}

// A wait is a packet that waits for the line.
type wait struct {
	start int64 // when its first bit is sent
	size  int
}

func (r *rate) timed() bool { return true }

func (r *rate) reset() {
	r.line.reset()
	r.waiting, r.queued = fifo.Queue[wait]{}, 0
}

func (r *rate) pass(u *unit, c *core) verdict {
	now, size := u.at, len(u.data)
	for r.waiting.Len() > 0 && r.waiting.At(0).start <= now {
		r.queued -= r.waiting.At(0).size
		r.waiting.Drop()
	}
	if !r.carries(size) {
		return c.queueDrop()
	}
	start := r.start(size, now)
	if start > now {
		if r.waiting.Len() >= r.packets || r.bytes > 0 && r.queued+size > r.bytes {
			return c.queueDrop()
		}
		*r.waiting.Add() = wait{start, size}
		r.queued += size
	}
	u.at = r.take(size, start)
	c.leaves(u.at)
	return goOn
}

// leaves notes when a packet leaves a queue, if it is its first.
func (c *core) leaves(at int64) {
	if !c.queued {
		c.queued, c.sent = true, at
	}
}

// queueDrop is the verdict on a packet that a queue has no room for.
func (c *core) queueDrop() verdict {
	c.leaves(-1)
	return c.drop(QueueDropped)
}
