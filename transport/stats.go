// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"fmt"
	"strings"

	"protean/proto/wire"
)

// Stats counts what a transport did since it was opened. Of the packets taken
// in, each is either delivered or dropped for a reason:
//
//	Received == Delivered + sum of Dropped
type Stats struct {
	Received      uint64 // packets taken from the network or the kernel
	ReceivedBytes uint64 // from their IP headers on
	Delivered     uint64 // handed to a sink
	Dropped       Drops  // received but not delivered, by reason
	Malformed     MalformedCounts
	Lost          uint64 // dropped by the kernel before they were received: full queues

	Committed uint64 // packets given to Commit and accepted
	Sent      uint64 // packets the network or the kernel took
	SentBytes uint64 // from their IP headers on
	Refused   uint64 // packets for which Commit returned an error other than ErrNoSlots
	Unsent    uint64 // accepted, but refused by the kernel later, or not sent when the transport was closed
}

// Add adds what o counts.
func (s *Stats) Add(o *Stats) {
	s.Received += o.Received
	s.ReceivedBytes += o.ReceivedBytes
	s.Delivered += o.Delivered
	s.Lost += o.Lost
	s.Committed += o.Committed
	s.Sent += o.Sent
	s.SentBytes += o.SentBytes
	s.Refused += o.Refused
	s.Unsent += o.Unsent
	for i, n := range o.Dropped {
		s.Dropped[i] += n
	}
	for i, n := range o.Malformed {
		s.Malformed[i] += n
	}
}

// Drops counts dropped packets by [DropReason].
type Drops [NumDropReasons]uint64

// Total is the number of packets dropped for any reason.
func (d Drops) Total() uint64 {
	var n uint64
	for _, c := range d {
		n += c
	}
	return n
}

// String lists the reasons for which packets were dropped, with how many: "no handler 3,
// too big 1", or "none".
func (d Drops) String() string {
	return listed(d[:], func(i int) string { return DropReason(i).String() })
}

// MalformedCounts counts packets that were dropped as [Malformed], by what was wrong with
// their headers.
type MalformedCounts [NumMalformed]uint64

// String lists what was wrong, with how many packets, or is "none".
func (m MalformedCounts) String() string {
	return listed(m[:], func(i int) string { return wire.Malformed(i).String() })
}

// listed names the counters that are not 0.
func listed(counts []uint64, name func(i int) string) string {
	var b strings.Builder
	for i, n := range counts {
		if n == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %d", name(i), n)
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}
