// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"encoding/binary"
	"time"

	"protean/proto/wire"
)

// An IDs hands out identifications for packets that are cut. Those of one flow
// (source, destination and, for IPv4, protocol) do not repeat before the field
// is exhausted, after 65,535 of IPv4 and 4,294,967,295 of IPv6, and none can be
// foretold from others (RFC 7739 section 5.3): a counter, shared by the flows
// that hash to it, goes through a keyed permutation of the flow's own.
//
// Only packets that are cut need one (RFC 6864). Whatever sends from one
// address must share one IDs, or fragments of different packets could meet. It
// is for use by one goroutine at a time.
type IDs struct {
	key   [2]uint64
	slots []idSlot
	risk  uint64
}

type idSlot struct {
	n4, n6 uint32
	mark   int64 // when n4 was a multiple of markEvery last
	fast   bool  // at the latest pace the counter wraps too soon
}

const (
	idSlots   = 2048
	markEvery = 1 << 12
)

// lifetime is how long a receiver may hold fragments of an IPv4 packet, at
// least, so that an identification used again within it can join fragments of
// different packets (RFC 4963): what Linux waits.
const lifetime = int64(30 * time.Second)

// NewIDs returns an IDs with the given key, which must be random and kept
// secret: 16 bytes from crypto/rand. The same key gives the same
// identifications.
func NewIDs(key [16]byte) *IDs {
	g := &IDs{slots: make([]idSlot, idSlots)}
	g.key[0] = binary.LittleEndian.Uint64(key[:])
	g.key[1] = binary.LittleEndian.Uint64(key[8:])
	for i := range g.slots {
		start := sipHash(&g.key, uint64(i))
		g.slots[i] = idSlot{n4: uint32(start), n6: uint32(start >> 32), mark: -lifetime}
	}
	return g
}

// Next returns the identification for the IP packet, to be given to
// Splitter.Split: 16 bits for IPv4, 32 bits for IPv6, never 0, but 0 for what is
// no IP packet. Now is the time in nanoseconds on any clock.
func (g *IDs) Next(now int64, packet []byte) uint32 {
	switch {
	case len(packet) >= wire.IPv4HeaderLen && packet[0]>>4 == 4:
		addrs := binary.LittleEndian.Uint64(packet[12:])
		return g.next4(now, sipHash(&g.key, addrs, uint64(packet[9])))
	case len(packet) >= wire.IPv6HeaderLen && packet[0]>>4 == 6:
		return g.next6(sipHash(&g.key, binary.LittleEndian.Uint64(packet[8:]),
			binary.LittleEndian.Uint64(packet[16:]), binary.LittleEndian.Uint64(packet[24:]),
			binary.LittleEndian.Uint64(packet[32:])))
	}
	return 0
}

func (g *IDs) next4(now int64, flow uint64) uint32 {
	s := &g.slots[flow%idSlots]
	for {
		s.n4++
		if s.n4%markEvery == 0 {
			s.fast = now-s.mark < lifetime/(1<<16/markEvery)
			s.mark = now
		}
		if id := g.permute(s.n4&0xffff, flow, 8); id != 0 {
			if s.fast {
				g.risk++
			}
			return id
		}
	}
}

func (g *IDs) next6(flow uint64) uint32 {
	s := &g.slots[flow%idSlots]
	for {
		s.n6++
		if id := g.permute(s.n6, flow, 16); id != 0 {
			return id
		}
	}
}

// permute is a Feistel cipher of four rounds over twice the given number of
// bits: a permutation, whatever the round function, and with a keyed one that
// cannot be foretold one that cannot be either (Luby and Rackoff, 1988).
func (g *IDs) permute(n uint32, flow uint64, half uint) uint32 {
	mask := uint32(1)<<half - 1
	l, r := n>>half, n&mask
	for round := range uint64(4) {
		f := sipHash(&g.key, flow, round<<32|uint64(half)<<40|uint64(r))
		l, r = r, (l^uint32(f))&mask
	}
	return l<<half | r
}

// WrapRisk returns how many IPv4 identifications were handed out at a pace at
// which they repeat within 30 seconds, more than 2184 a second for a flow and
// those that share its counter. A fragment that is lost can then be replaced
// by one of a later packet, which only a checksum of the payload will show (RFC
// 4963). Smaller packets, IPv6, or path MTU discovery avoid it.
func (g *IDs) WrapRisk() uint64 { return g.risk }
