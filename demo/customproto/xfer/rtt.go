// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import "time"

// An rttEstimator is that of RFC 6298. Unlike there, the least timeout is not a
// second, which is an age on a local network: acknowledgements are not delayed
// here, and to send a block once too often does no harm.
type rttEstimator struct {
	latest, smoothed, variation, least time.Duration
}

const (
	initialRTO = 250 * time.Millisecond // before the first sample
	minRTO     = 25 * time.Millisecond  // a busy host may not run us for as long
	maxRTO     = time.Second

	pingInterval = 200 * time.Millisecond // while there is nothing else to send
)

// sample takes a new measurement.
func (e *rttEstimator) sample(rtt time.Duration) {
	e.latest = rtt
	if e.smoothed == 0 {
		e.smoothed, e.variation, e.least = rtt, rtt/2, rtt
		return
	}
	e.variation += ((rtt - e.smoothed).Abs() - e.variation) / 4
	e.smoothed += (rtt - e.smoothed) / 8
	e.least = min(e.least, rtt)
}

// rto is how long to wait for an acknowledgement, having waited in vain the
// given number of times already.
func (e *rttEstimator) rto(vain int) time.Duration {
	d := initialRTO
	if e.smoothed != 0 {
		d = max(e.smoothed+4*e.variation, minRTO)
	}
	return min(d<<min(vain, 10), maxRTO)
}

// reordering is how long after a packet another may still arrive that was sent
// before it (RFC 9002, section 6.1.2).
func (e *rttEstimator) reordering() time.Duration { return max(e.latest, e.smoothed) * 9 / 8 }
