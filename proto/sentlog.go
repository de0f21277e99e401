// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"sync"
	"time"

	"protean/proto/wire"
	"protean/transport"
)

// A sentLog remembers the packets that went out through one transport queue,
// so that errors from the network can be told from forged ones, and who sent
// the packet found. It is a ring, written in order and searched from its end:
// errors are rare, packets are not. Those who write to it hold the lock of its
// txSide.
type sentLog struct {
	mu      sync.Mutex
	tags    []uint32 // of packets[i], looked at first
	packets []sentPacket
	cookies []uint64 // of packets[i]; nil until one is not 0
	next    int
	built   bool      // headers are built below: the identification is not known
	key     [2]uint64 // of brief, random
}

// A sentPacket is what is remembered of a packet. It is small, since what was sent
// before is out of the caches when its place is written again.
type sentPacket struct {
	src, dst uint32  // see brief
	first    [8]byte // of what follows the IP header
	at       uint32  // host time in ticks
	owner    uint32  // Binding.serial
	id       uint32
	about    about // 0: no packet, or one that was too odd
}

// An about has the length of a packet in its lowest bits.
type about uint32

const (
	aboutSize     about = 1<<17 - 1
	aboutFirst          = 17 // 4 bits: how many bytes of first there are
	aboutProtocol       = 21 // 8 bits
	aboutFragment about = 1 << 29
	aboutV6       about = 1 << 30
	aboutCut      about = 1 << 31 // routers may: IPv4 without DF
)

func (a about) size() int       { return int(a & aboutSize) }
func (a about) protocol() uint8 { return uint8(a >> aboutProtocol) }
func (p *sentPacket) quoted() string {
	return string(p.first[:p.about>>aboutFirst&15])
}

// ticks is host time in units of 2^20 ns, about a millisecond, with which it is
// the same again after 52 days.
func ticks(ns int64) uint32 { return uint32(ns >> 20) }

// age is how long ago p was sent, in ticks: 0 if it was sent later, by somebody who
// has looked at the clock since then.
func (p *sentPacket) age(now uint32) uint32 {
	if p.at-now < ticks(sentLife) {
		return 0
	}
	return now - p.at
}

// The log grows while it would forget a packet within keepSent, up to
// maxSentLog packets, and up to minSentLog while it would forget any that
// counts. It begins small, for networks of thousands of hosts, and becomes four times as
// long each time, since each time makes a packet late. Errors about packets older than
// sentLife are not believed: a receiver gives up reassembly after a minute (RFC 8200,
// section 4.5).
const (
	newSentLog = 16
	minSentLog = 256
	maxSentLog = 1 << 15
	keepSent   = int64(time.Second)
	sentLife   = int64(75 * time.Second)
)

// record remembers the packets of slots, which are about to be sent on behalf
// of their owners.
func (l *sentLog) record(slots []transport.Slot, owners []*Binding, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := ticks(now)
	for i := range slots {
		s := &slots[i]
		if len(l.packets) < maxSentLog {
			l.makeRoom(at)
		}
		if s.Cookie != 0 && l.cookies == nil {
			l.cookies = make([]uint64, len(l.packets))
		}
		k := l.next
		p := &l.packets[k]
		*p = sentPacket{at: at, owner: owners[i].serial}
		if !l.load(p, s.Data) {
			p.about = 0 // found by nothing, but counted by forget
		}
		l.tags[k] = p.tag(p.tagID())
		if l.cookies != nil {
			l.cookies[k] = s.Cookie
		}
		l.next = (k + 1) & (len(l.packets) - 1)
	}
}

// nobody is the owner of a packet that was refused.
const nobody = math.MaxUint32

// forget takes back the latest n packets, which were not sent. If the first of them was
// refused for its size, it stays, as nobody's: the kernel may tell of it by an ICMP error to
// this host, too (ip6_fragment in net/ipv6/ip6_output.c), which is not about one before
// that looks like it.
func (l *sentLog) forget(n int, tooBig bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range n {
		k := (l.next - 1) & (len(l.packets) - 1)
		if tooBig && i == n-1 {
			l.packets[k].owner = nobody
			return
		}
		l.packets[k] = sentPacket{}
		l.tags[k] = 0
		l.next = k
	}
}

// makeRoom makes the log longer if the next packet would take the place of one that
// is to be kept.
func (l *sentLog) makeRoom(now uint32) {
	n, keep := len(l.packets), keepSent
	if n < minSentLog {
		keep = sentLife
	}
	if n == 0 {
		l.key = [2]uint64{rand.Uint64(), rand.Uint64()}
	} else if p := &l.packets[l.next]; p.about == 0 || p.age(now) >= ticks(keep) {
		return
	}
	more := max(newSentLog, min(4*n, maxSentLog))
	l.tags, l.packets = unroll(l.tags, l.next, more), unroll(l.packets, l.next, more)
	if l.cookies != nil {
		l.cookies = unroll(l.cookies, l.next, more)
	}
	l.next = n
}

// unroll copies a ring that starts at next to the start of one with n places. Their
// memory is touched here: where page tables are kept twice, for a virtual machine, each
// page takes the time of several packets, and one packet in 128 would be late by that.
func unroll[T any](ring []T, next, n int) []T {
	longer := make([]T, n)
	copied := copy(longer, ring[next:])
	copied += copy(longer[copied:], ring[:next])
	clear(longer[copied:])
	return longer
}

// load fills in p from a packet to be sent.
func (l *sentLog) load(p *sentPacket, d []byte) bool {
	hdr, protocol := 0, uint8(0)
	switch {
	case len(d) < 20:
		return false
	case d[0]>>4 == 4:
		hdr, protocol = int(d[0]&15)*4, d[9]
		p.src, p.dst = binary.BigEndian.Uint32(d[12:]), binary.BigEndian.Uint32(d[16:])
		if !l.built {
			p.id = uint32(binary.BigEndian.Uint16(d[4:]))
		}
		flags := binary.BigEndian.Uint16(d[6:])
		if flags&0x3fff != 0 {
			p.about |= aboutFragment
		}
		if flags&0x4000 == 0 {
			p.about |= aboutCut
		}
	case len(d) < 40:
		return false
	default:
		hdr, protocol = 40, d[6]
		p.src, p.dst, p.about = l.brief([16]byte(d[8:])), l.brief([16]byte(d[24:])), aboutV6
		if wire.IsExtension(d[6]) {
			var c wire.Chain
			if wire.WalkIPv6(d, &c) != wire.NotMalformed {
				return false
			}
			protocol, hdr = c.Protocol, c.HeaderLen
			if c.Fragment != 0 {
				p.id = wire.IPv6Fragment(d[c.Fragment:]).ID()
				p.about |= aboutFragment
				protocol, hdr = upper(&c, d)
			}
		}
	}
	if hdr > len(d) {
		return false
	}
	n := 8
	if first := d[hdr:]; len(first) >= n {
		p.first = [8]byte(first)
	} else {
		n = copy(p.first[:], first)
	}
	p.about |= about(len(d))&aboutSize | about(n)<<aboutFirst | about(protocol)<<aboutProtocol
	return true
}

// upper is what the payload of an IPv6 fragment is, and where: of a first fragment behind
// all extension headers, as in the packet that a receiver makes of it, and may quote.
func upper(c *wire.Chain, d []byte) (protocol uint8, hdr int) {
	if protocol, hdr, ok := c.Upper(d); ok {
		return protocol, hdr
	}
	return c.Protocol, c.HeaderLen
}

// brief is what is remembered of an IPv6 address: nobody who does not know the key can
// choose another one that passes for it, and of four billion one does by chance. Only the unspecified one is 0, as
// in IPv4, whose addresses are remembered whole.
func (l *sentLog) brief(a [16]byte) uint32 {
	if a == [16]byte{} {
		return 0
	}
	x := keyed(&l.key, a)
	return max(uint32(x>>32)^uint32(x), 1)
}

// keyed is a number made of an address, from which those of others follow for nobody who
// does not know the key.
func keyed(key *[2]uint64, a [16]byte) uint64 {
	x, y := binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(a[8:])
	x, y = bits.Mul64(x^key[0], y^key[1])
	return x ^ y
}

// tagID is what the packet's tag is made of: nothing for IPv6, whose fragments
// may be quoted with an identification, or without one when they were put
// together, and begin with the same data.
func (p *sentPacket) tagID() uint32 {
	if p.about&aboutV6 != 0 {
		return 0
	}
	return p.id
}

// tag tells most packets apart: by the identification if there is one, or else
// by what the payload starts with.
func (p *sentPacket) tag(id uint32) uint32 {
	if id == 0 {
		id = binary.BigEndian.Uint32(p.first[:])
	}
	return (p.dst ^ uint32(p.about.protocol())<<24 ^ id) | 1 // 0 is no packet
}
