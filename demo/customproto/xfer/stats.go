// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import "time"

// Stats are the figures of a transfer. A receiver has no round-trip times.
type Stats struct {
	Size    int64         // of the file in bytes; 0 as long as it is not known
	Bytes   int64         // that have arrived, without gaps
	Elapsed time.Duration // since the offer

	Packets    uint64 // sent by this side
	Resent     uint64 // of them, blocks sent again
	Acks       uint64 // acknowledgements, sent by a receiver or taken by a sender
	Duplicates uint64 // blocks that a receiver had already

	RTT, LeastRTT time.Duration // smoothed and least round-trip time
}

// Rate is the goodput in bits per second.
func (s *Stats) Rate() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Bytes) * 8 / s.Elapsed.Seconds()
}
