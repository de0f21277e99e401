// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"math"
	"time"
)

// Stats sums up what a Pinger did. Every request is in one of four states:
//
//	Transmitted == Received + Late + InFlight + lost
type Stats struct {
	Transmitted uint64
	Received    uint64 // requests answered in time
	Late        uint64 // requests answered after the timeout
	InFlight    uint64 // requests too young to be called lost when it ended before its time
	Duplicates  uint64 // further answers to requests that were answered
	Corrupted   uint64 // answers with a wrong checksum or wrong data; they answer nothing
	Errors      uint64 // requests refused here or reported as undeliverable

	// Pipe is the most requests that were on their way at once, as far as
	// answers showed.
	Pipe    uint64
	Elapsed time.Duration // from the first request to the last event
	RTT     RTT
}

// Loss is the percentage of requests that were not answered in time, of those
// whose time was up.
func (s *Stats) Loss() float64 {
	n := s.Transmitted - s.InFlight
	if n == 0 {
		return 0
	}
	return float64(n-s.Received) * 100 / float64(n)
}

// RTT describes the round-trip times of the answers in time, duplicates
// included, as ping does.
type RTT struct {
	Count    uint64
	Min, Max time.Duration
	mean, m2 float64 // Welford's algorithm, in nanoseconds
	ewma     float64 // smoothed with 1/8, as in RFC 6298
}

func (r *RTT) add(d time.Duration) {
	r.Count++
	if r.Count == 1 {
		r.Min, r.Max, r.ewma = d, d, float64(d)
	}
	r.Min, r.Max = min(r.Min, d), max(r.Max, d)
	delta := float64(d) - r.mean
	r.mean += delta / float64(r.Count)
	r.m2 += delta * (float64(d) - r.mean)
	r.ewma += (float64(d) - r.ewma) / 8
}

// Mean returns the average.
func (r *RTT) Mean() time.Duration { return time.Duration(math.Round(r.mean)) }

// Mdev returns the population standard deviation, which ping calls mdev.
func (r *RTT) Mdev() time.Duration {
	if r.Count == 0 {
		return 0
	}
	return time.Duration(math.Round(math.Sqrt(r.m2 / float64(r.Count))))
}

// EWMA returns the smoothed round-trip time.
func (r *RTT) EWMA() time.Duration { return time.Duration(math.Round(r.ewma)) }
