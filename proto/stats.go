// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"slices"
	"sync/atomic"

	"protean/transport"
)

// Stats counts what a host has done since it was made. Every packet received,
// and every packet put together from fragments, is either taken by a handler,
// or only observed, or dropped for a reason, or it is a fragment that became
// part of a packet or may still do so:
//
//	Received + Reassembled == Taken + Observed + Dropped.Total() + Fragments + Held
type Stats struct {
	Received      uint64          // packets the transport delivered
	ReceivedBytes uint64          // from their IP headers on
	Taken         uint64          // by a handler that returned nil
	Observed      uint64          // that only observers were registered for
	Dropped       transport.Drops // for everything else

	Reassembled uint64 // packets put together by the host
	Fragments   uint64 // that these were put together from
	Held        uint64 // fragments that wait for others now

	Sent        uint64          // packets the transport accepted
	SendDropped transport.Drops // committed by a handler, refused by the transport

	Lost   uint64 // dropped before the transport saw them, as far as it can tell
	Panics uint64 // handlers' panics contained
	Errors uint64 // errors of callbacks other than HandlePacket

	Network NetworkErrorStats // errors that came from the network

	// Transport holds the counters of the transport; zero if it has none.
	Transport transport.Stats

	// Bindings holds a row for each binding registered now, in order of
	// registration. The sums above include those closed.
	Bindings []BindingStats
}

// BindingStats counts what one binding's handler has done.
type BindingStats struct {
	Protocols   []uint8
	Taken       uint64          // packets for which HandlePacket returned nil
	Passed      uint64          // packets for which it returned Pass
	Observed    uint64          // packets an observer saw
	Dropped     transport.Drops // packets it refused
	Sent        uint64          // packets the transport accepted
	SendDropped transport.Drops // packets the transport refused
	Panics      uint64
	Errors      uint64
}

// queueStats are the published counters of a receive loop.
type queueStats struct {
	received, bytes, observed, lost atomic.Uint64
	joined, reassembled             atomic.Uint64
	held                            atomic.Int64
	dropped                         [transport.NumDropReasons]atomic.Uint64
}

func (s *queueStats) publish(c *queueCounts) {
	if c.received == 0 {
		return
	}
	s.received.Add(c.received)
	s.bytes.Add(c.bytes)
	c.received, c.bytes = 0, 0
}

// bindingStats are the counters of a binding.
type bindingStats struct {
	taken, passed, observed, sent, panics, errors atomic.Uint64
	dropped, sendDropped                          [transport.NumDropReasons]atomic.Uint64
}

func (b *Binding) drop(r DropReason) { b.stats.dropped[r].Add(1) }

// refused counts a packet for which HandlePacket returned err.
func (b *Binding) refused(err error) {
	if r, ok := err.(DropReason); ok && r != transport.DropNone && int(r) < len(b.stats.dropped) {
		b.drop(r)
		return
	}
	b.drop(transport.HandlerError)
}

// Stats returns the binding's counters.
func (b *Binding) Stats() BindingStats {
	s := BindingStats{Protocols: slices.Clone(b.protocols)}
	b.stats.read(&s)
	return s
}

func (a *bindingStats) read(s *BindingStats) {
	s.Taken += a.taken.Load()
	s.Passed += a.passed.Load()
	s.Observed += a.observed.Load()
	s.Sent += a.sent.Load()
	s.Panics += a.panics.Load()
	s.Errors += a.errors.Load()
	for r := range s.Dropped {
		s.Dropped[r] += a.dropped[r].Load()
		s.SendDropped[r] += a.sendDropped[r].Load()
	}
}

// Stats returns the host's counters. They are published at the end of each
// pass of a receive loop, so that while packets are being handled the sums may
// not add up.
func (h *Host) Stats() Stats {
	var s Stats
	h.mu.Lock()
	sum := h.past
	all := *h.bindings.Load()
	h.mu.Unlock()
	for _, b := range all {
		row := b.Stats()
		s.Bindings = append(s.Bindings, row)
		b.stats.read(&sum)
	}
	s.Taken, s.Sent, s.Panics, s.Errors = sum.Taken, sum.Sent, sum.Panics, sum.Errors
	s.Dropped, s.SendDropped = sum.Dropped, sum.SendDropped
	for _, q := range h.queues {
		s.Received += q.stats.received.Load()
		s.ReceivedBytes += q.stats.bytes.Load()
		s.Observed += q.stats.observed.Load()
		s.Lost += q.stats.lost.Load()
		s.Reassembled += q.stats.reassembled.Load()
		s.Fragments += q.stats.joined.Load()
		s.Held += uint64(q.stats.held.Load())
		for r := range s.Dropped {
			s.Dropped[r] += q.stats.dropped[r].Load()
		}
	}
	s.Network = h.errs.stats()
	if t, ok := transport.As[transport.StatsReader](h.t); ok {
		s.Transport = t.Stats()
	}
	return s
}
