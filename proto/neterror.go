// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"protean/proto/wire"
	"protean/transport"
)

// netErrors is what a host does with errors from the network: those about a
// packet that it has sent go to who sent it, the others are counted.
type netErrors struct {
	mu     sync.Mutex
	bucket bucket

	reported, unmatched, forged, limited atomic.Uint64
	sent, withheld                       atomic.Uint64 // by Env.Unreachable
}

// Errors from the network are looked into at so many per second, and so many at once,
// or fewer where the log is long: an error about no packet, or about one sent long ago, has most of it
// looked through, and a flood of those is not to keep the host from its work.
const (
	errorRate  = 10_000
	errorBurst = 1000
	errorReads = 1600 // packets of the log that are looked at for the price of one error more
)

// NetworkErrorStats counts errors from the network, and to it.
type NetworkErrorStats struct {
	Reported  uint64 // about packets of the host's own; told to whoever sent them, if it wants to know, and unless the transport had refused them for their size
	Unmatched uint64 // about packets that were not sent, or too long ago: late, or forged
	Forged    uint64 // about packets that were sent, but with an MTU that cannot be, or that nobody tells of
	Limited   uint64 // not looked into, since there were too many at once

	Sent     uint64 // ICMP errors sent with Env.Unreachable
	Withheld uint64 // not sent, since the rules or the rate limits forbid it
}

func (s *netErrors) stats() NetworkErrorStats {
	return NetworkErrorStats{
		Reported: s.reported.Load(), Unmatched: s.unmatched.Load(), Forged: s.forged.Load(), Limited: s.limited.Load(),
		Sent: s.sent.Load(), Withheld: s.withheld.Load(),
	}
}

func (s *netErrors) allowed(now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bucket.take(now, int64(time.Second)/errorRate, errorBurst)
}

// charge pays for packets of logs that were looked at.
func (s *netErrors) charge(reads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bucket.full += int64(time.Second) / errorRate * int64(reads/errorReads)
}

// networkError takes an error that came from the network. It may change *e. whole
// tells that the header of the packet that it is about was seen: what is 0 in e was
// 0 there.
func (q *queue) networkError(e *NetworkError, whole bool) {
	h := q.h
	now := h.nowNs()
	if !h.errs.allowed(now) {
		h.errs.limited.Add(1)
		return
	}
	p, ok := h.findSent(e, now, whole)
	if !ok {
		h.errs.unmatched.Add(1)
		return
	}
	if e.Size == 0 {
		e.Size = p.size
	}
	size := min(e.Size, p.size)
	if tooBig(e) && e.MTU == 0 {
		e.MTU = plateau(size)
	}
	// Who has cut a packet does not ask for smaller ones.
	if e.MTU != 0 && (!believable(e.Dst, e.MTU, size) || p.cut && e.Size < p.size) {
		h.errs.forged.Add(1)
		return
	}
	h.errs.reported.Add(1)
	e.Cookie = p.cookie
	if e.Time == 0 {
		e.Time = h.toTime(now).UnixNano()
	}
	if e.MTU != 0 {
		h.learnPath(e.Dst, e.MTU, now)
	}
	for _, b := range *h.bindings.Load() {
		if b.serial == p.owner && b.errorHandler != nil {
			q.with(b, "HandleError", func(env *Env) error { return b.errorHandler.HandleError(env, e) })
			return
		}
	}
}

// findSent finds the packet that e is about.
func (h *Host) findSent(e *NetworkError, now int64, whole bool) (p sentMatch, ok bool) {
	reads := 0
	for _, q := range h.queues {
		p, ok = q.tx.log.find(e, now, whole)
		if reads += p.reads; ok {
			break
		}
	}
	h.errs.charge(reads)
	return p, ok
}

// tooBig reports whether e says that the packet was larger than the path
// carries.
func tooBig(e *NetworkError) bool {
	switch e.Origin {
	case transport.OriginICMP:
		return e.Type == wire.ICMPv4Unreachable && e.Code == wire.ICMPv4FragNeeded
	case transport.OriginICMP6:
		return e.Type == wire.ICMPv6PacketTooBig
	}
	return e.MTU != 0
}

// believable reports whether a packet of so many bytes can have been larger than
// an MTU, and whether there are such links: RFC 791 has them carry 68 bytes, RFC
// 8200 section 5 has 1280. RFC 8201 section 4 forbids to believe less.
func believable(dst netip.Addr, mtu, size int) bool {
	least := 68
	if dst.Is6() {
		least = 1280
	}
	return mtu >= least && mtu < size
}

// plateau is the MTU to try when a router does not tell it: the next lower one
// that is in use (RFC 1191, section 7.1).
func plateau(size int) int {
	for _, mtu := range [...]int{32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296} {
		if mtu < size {
			return mtu
		}
	}
	return 68
}
