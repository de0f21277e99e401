// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import "time"

// A congestion controller decides how fast to send. It is a small relative of
// BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", 2016): it
// measures the rate at which packets arrive, and the shortest round trip, and
// keeps as many packets on their way as fit between the two. A lost packet
// alone says little, so that a link that loses some at random does not slow it
// down; many of them say that a buffer overflows, see roundEnds.
//
// Amounts are in packets, which all have the same size, rates in packets per
// second. Times are those of Sender.now.
type congestion struct {
	phase phase
	round int // round trips so far

	delivered   int64         // packets known to have arrived
	deliveredAt time.Duration // when that was last learnt
	firstSentAt time.Duration // the packet behind the latest sample was sent
	roundEnd    int64         // a round trip ends when a packet sent after so many were delivered arrives
	limitedTill int64         // as delivered: until then there is less to send than could be

	rates   [rateRounds]float64 // highest rate of each of the latest round trips
	least   time.Duration       // shortest round trip, and when it was
	leastAt time.Duration

	full   float64 // startup: highest rate so far, and round trips without a higher
	stalls int

	acked, lost int // in this round trip
	ceiling     int // window that many losses suggest; 0 for none

	paceAt time.Duration // when the next packet is due
}

type phase uint8

const (
	startup phase = iota // double the rate each round trip, until that gains nothing
	drain                // let the queue go that this has built up
	cruise               // keep the rate, try now and then whether more is possible
)

const (
	initialWindow = 32
	minWindow     = 8
	rateRounds    = 10
	startupGain   = 2.885                // 2/ln 2
	leastLifetime = 10 * time.Second     // of the shortest round trip
	slack         = 2 * time.Millisecond // by which a host's timers and wake-ups may be late
)

// A flight is a packet on its way: what the sender remembers of the latest
// transmission of a block.
type flight struct {
	number uint32 // of the packet
	state  flightState
	resent bool // it is not the first transmission

	// When it was sent, and what congestion counted then.
	sentAt                   time.Duration
	delivered                int64
	deliveredAt, firstSentAt time.Duration
	limited                  bool // there was less to send than could be
}

type flightState uint8

const (
	inFlight flightState = iota
	lost
	arrived
)

// rate is what the path carries, 0 if that is not known yet.
func (c *congestion) rate() float64 {
	best := 0.0
	for _, r := range c.rates {
		best = max(best, r)
	}
	return best
}

// gain is the factor by which packets are sent faster than they arrived.
func (c *congestion) gain() float64 {
	switch {
	case c.phase == startup:
		return startupGain
	case c.phase == drain:
		return 1 / startupGain
	case c.round%8 == 0: // try whether more is possible
		return 1.25
	case c.round%8 == 1: // let the queue go that this may have built up
		return 0.75
	}
	return 1
}

// window is how many packets may be on their way.
func (c *congestion) window() int {
	rate := c.rate()
	if rate == 0 {
		return initialWindow
	}
	gain := 2.0 // acknowledgements come late and in batches
	if c.phase == startup {
		gain = startupGain
	}
	w := max(int(rate*(gain*c.least.Seconds()+slack.Seconds())), minWindow)
	if c.phase == startup {
		w = max(w, initialWindow)
	}
	if c.ceiling != 0 {
		w = min(w, c.ceiling)
	}
	return w
}

// wait is how long the next packet has to wait for its turn. Packets go in
// small bursts, since timers are not that exact.
func (c *congestion) wait(now time.Duration) time.Duration {
	if c.paceAt <= now {
		return 0
	}
	return c.paceAt + slack/2 - now
}

// onSent notes in f that a packet is sent, with others on their way already.
func (c *congestion) onSent(f *flight, now time.Duration, others int) {
	if others == 0 {
		c.deliveredAt, c.firstSentAt = now, now
	}
	f.sentAt, f.delivered, f.deliveredAt, f.firstSentAt = now, c.delivered, c.deliveredAt, c.firstSentAt
	f.limited = c.delivered < c.limitedTill
	if rate := c.rate(); rate > 0 {
		c.paceAt = max(c.paceAt, now-slack) + time.Duration(1e9/(c.gain()*rate))
	}
}

// onLimited notes that there is nothing to send, with so many packets on their
// way: the rates measured with them are not the path's.
func (c *congestion) onLimited(others int) { c.limitedTill = c.delivered + int64(max(others, 1)) }

// onLost notes that n packets were taken for lost.
func (c *congestion) onLost(n int) { c.lost += n }

// onAck notes that n packets have arrived, f the one sent last among them (nil
// if that cannot be told), with others still on their way.
func (c *congestion) onAck(f *flight, n int, now time.Duration, others int) {
	c.delivered += int64(n)
	c.deliveredAt = now
	c.acked += n
	if f == nil {
		return
	}
	if rtt := now - f.sentAt; c.least == 0 || rtt <= c.least || now-c.leastAt > leastLifetime {
		c.least, c.leastAt = max(rtt, 1), now
	}
	if f.delivered >= c.roundEnd {
		c.roundEnd = c.delivered
		c.roundEnds(others)
	}
	// Packets cannot have arrived faster than they were sent: if it seems so,
	// acknowledgements were held up.
	d := max(now-f.deliveredAt, f.sentAt-f.firstSentAt)
	c.firstSentAt = f.sentAt
	if d >= c.least {
		r := float64(c.delivered-f.delivered) / d.Seconds()
		if slot := &c.rates[c.round%rateRounds]; r > *slot && (!f.limited || r > c.rate()) {
			*slot = r
		}
	}
	if c.phase == drain && float64(others) <= c.rate()*c.least.Seconds() {
		c.phase = cruise
	}
}

// roundEnds is called once per round trip.
func (c *congestion) roundEnds(others int) {
	switch {
	case c.lost*8 > c.lost+c.acked:
		// More than one in eight is lost: a buffer that is shorter than the
		// window overflows, such as that of the receiver's socket.
		c.ceiling = max(minWindow, (others+c.acked)*3/4)
	case c.ceiling != 0:
		c.ceiling += c.ceiling/8 + 1
	}
	c.acked, c.lost = 0, 0
	if c.phase == startup && c.delivered >= c.limitedTill {
		if r := c.rate(); r >= c.full*1.25 {
			c.full, c.stalls = r, 0
		} else if c.stalls++; c.stalls == 3 {
			c.phase = drain
		}
	}
	c.round++
	c.rates[c.round%rateRounds] = 0
}
