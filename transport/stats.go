// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

// Stats counts what a transport did since it was opened. Of the packets taken
// in, each is either delivered or dropped for a reason:
//
//	Received == Delivered + sum of Dropped
type Stats struct {
	Received      uint64 // packets taken from the network or the kernel
	ReceivedBytes uint64 // from their IP headers on
	Delivered     uint64 // handed to a sink
	Dropped       Drops  // received but not delivered, by reason
	Malformed     [NumMalformed]uint64
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
func (d *Drops) Total() uint64 {
	var n uint64
	for _, c := range d {
		n += c
	}
	return n
}
