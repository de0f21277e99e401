// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"sync"

	"protean/transport"
)

// counters are the statistics of a queue.
type counters struct {
	mu sync.Mutex // guards what follows
	s  transport.Stats

	ringSent, ringWrong, ringBytes uint64 // of a transmit ring, what s has in it
}

// addTo adds the counters to sum.
func (c *counters) addTo(sum *transport.Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.s
	sum.Received += s.Received
	sum.ReceivedBytes += s.ReceivedBytes
	sum.Delivered += s.Delivered
	for i, n := range s.Dropped {
		sum.Dropped[i] += n
	}
	for i, n := range s.Malformed {
		sum.Malformed[i] += n
	}
	sum.Committed += s.Committed
	sum.Sent += s.Sent
	sum.SentBytes += s.SentBytes
	sum.Refused += s.Refused
	sum.Unsent += s.Unsent
}

// A tally is what a Recv counts, kept by itself so that counters are touched
// once per Recv. Packets are delivered or dropped: those are all that it received.
type tally struct {
	bytes, delivered uint64

	dropped   transport.Drops
	malformed [transport.NumMalformed]uint64
	bad       bool // dropped or malformed is not all zero
}

func (y *tally) drop(why transport.DropReason) {
	y.dropped[why]++
	y.bad = true
}

// addTally adds what a Recv has counted, empties y, and returns the number of
// packets.
func (c *counters) addTally(y *tally) (received uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.s
	received = y.delivered
	if y.bad {
		received += y.dropped.Total()
	}
	s.Received += received
	s.ReceivedBytes += y.bytes
	s.Delivered += y.delivered
	y.bytes, y.delivered = 0, 0
	if !y.bad {
		return received
	}
	for i, n := range y.dropped {
		s.Dropped[i] += n
	}
	for i, n := range y.malformed {
		s.Malformed[i] += n
	}
	y.dropped = transport.Drops{}
	y.malformed = [transport.NumMalformed]uint64{}
	y.bad = false
	return received
}

// addOutcome adds a Commit of which so many packets were accepted.
func (c *counters) addOutcome(accepted int, o *outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Committed += uint64(accepted)
	c.s.Sent += o.sent
	c.s.SentBytes += o.bytes
	if o.refused {
		c.s.Refused++
	}
}

// addLate adds what became of a packet that had to wait.
func (c *counters) addLate(bytes uint64, sent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !sent {
		c.s.Unsent++
		return
	}
	c.s.Sent++
	c.s.SentBytes += bytes
}

// addSent sets what a transmit ring has sent in all. What the kernel refused was
// not sent.
func (c *counters) addSent(sent, wrong, bytes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Sent += sent - c.ringSent
	c.s.Unsent += wrong - c.ringWrong
	c.s.SentBytes += bytes - c.ringBytes
	c.ringSent, c.ringWrong, c.ringBytes = sent, wrong, bytes
}

func (c *counters) addUnsent(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Unsent += n
}
