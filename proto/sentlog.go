// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"encoding/binary"
	"net/netip"
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
	next    int
	built   bool // headers are built below: the identification is not known
}

// A sentPacket is what is remembered of a packet.
type sentPacket struct {
	src, dst [16]byte
	first    [8]byte // of what follows the IP header
	cookie   uint64
	at       int64  // host time
	owner    uint32 // Binding.serial
	id       uint32
	size     uint32
	protocol uint8
	n        uint8 // of first
	fragment bool
	v6       bool
}

// The log grows while it would forget a packet within keepSent, up to
// maxSentLog packets, and up to minSentLog while it would forget any that
// counts. It begins small, for networks of thousands of hosts. Errors about
// packets older than sentLife are not believed: a receiver gives up reassembly
// after a minute (RFC 8200, section 4.5).
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
	for i := range slots {
		p := l.slot(now)
		if !p.load(slots[i].Data, l.built) {
			p.size = 0 // found by nothing, but counted by forget
		}
		p.cookie, p.at, p.owner = slots[i].Cookie, now, owners[i].serial
		l.tags[l.next] = p.tag(p.tagID())
		l.next = (l.next + 1) & (len(l.packets) - 1)
	}
}

// forget takes back the latest n packets, which were not sent.
func (l *sentLog) forget(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		l.next = (l.next - 1) & (len(l.packets) - 1)
		l.packets[l.next] = sentPacket{}
		l.tags[l.next] = 0
	}
}

// slot returns the place for the next packet.
func (l *sentLog) slot(now int64) *sentPacket {
	n, keep := len(l.packets), keepSent
	if n < minSentLog {
		keep = sentLife
	}
	if n == 0 || n < maxSentLog && l.packets[l.next].size != 0 && now-l.packets[l.next].at < keep {
		more := max(newSentLog, 2*n)
		tags, packets := make([]uint32, more), make([]sentPacket, more)
		k := copy(packets, l.packets[l.next:])
		copy(packets[k:], l.packets[:l.next])
		k = copy(tags, l.tags[l.next:])
		copy(tags[k:], l.tags[:l.next])
		l.tags, l.packets, l.next = tags, packets, n
	}
	return &l.packets[l.next]
}

// load fills in p from a packet to be sent.
func (p *sentPacket) load(d []byte, built bool) bool {
	hdr := 0
	switch {
	case len(d) < 20:
		return false
	case d[0]>>4 == 4:
		hdr, p.v6 = int(d[0]&15)*4, false
		p.src, p.dst = [16]byte{}, [16]byte{}
		copy(p.src[:], d[12:16])
		copy(p.dst[:], d[16:20])
		p.protocol, p.id = d[9], uint32(binary.BigEndian.Uint16(d[4:]))
		p.fragment = binary.BigEndian.Uint16(d[6:])&0x3fff != 0
	case len(d) < 40:
		return false
	default:
		hdr = 40
		p.src, p.dst, p.v6 = [16]byte(d[8:24]), [16]byte(d[24:40]), true
		p.protocol, p.id, p.fragment = d[6], 0, false
		if wire.IsExtension(d[6]) {
			var c wire.Chain
			if wire.WalkIPv6(d, &c) != wire.NotMalformed {
				return false
			}
			p.protocol, hdr = c.Protocol, c.HeaderLen
			if c.Fragment != 0 {
				p.id, p.fragment = wire.IPv6Fragment(d[c.Fragment:]).ID(), true
			}
		}
	}
	if hdr > len(d) {
		return false
	}
	if built && d[0]>>4 == 4 {
		p.id = 0
	}
	p.size = uint32(len(d))
	p.first = [8]byte{}
	p.n = uint8(copy(p.first[:], d[hdr:]))
	return true
}

// tagID is what the packet's tag is made of: nothing for IPv6, whose fragments
// may be quoted with an identification, or without one when they were put
// together, and begin with the same data.
func (p *sentPacket) tagID() uint32 {
	if p.v6 {
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
	where := binary.BigEndian.Uint32(p.dst[:]) ^ binary.BigEndian.Uint32(p.dst[12:])
	return (where ^ uint32(p.protocol)<<24 ^ id) | 1 // 0 is no packet
}

// find returns the latest packet that e can be about. If its whole header is known
// and IPv4, it has an identification.
func (l *sentLog) find(e *NetworkError, now int64, whole bool) (found sentPacket, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	want := sentPacket{src: as16(e.Src), dst: as16(e.Dst), protocol: e.Protocol, id: e.ID, size: uint32(e.Size)}
	want.n = uint8(copy(want.first[:], e.Quoted))
	// Without an identification in the log, or in e, the payload has to do.
	byID, byData := want.tag(want.id), want.tag(0)
	noID := whole && e.ID == 0 && e.Dst.Is4()
	anyTag := e.ID == 0 && !noID && (e.Dst.Is4() || want.n < 4)
	for i := 1; i <= len(l.packets); i++ {
		k := (l.next - i) & (len(l.packets) - 1)
		t := l.tags[k]
		if t == 0 {
			break // and so is all that is older
		}
		// Errors may be many, and forged: packets are looked at if their tag is right.
		if (t == byID || t == byData || anyTag) && l.packets[k].is(&want, e, l.built) && !(noID && l.packets[k].id != 0) {
			return l.packets[k], now-l.packets[k].at <= sentLife
		}
	}
	return sentPacket{}, false
}

// is reports whether an error that tells what is in want can be about p. What
// it does not tell, or p does not know, is no contradiction, but a network that
// quotes less than eight bytes of the payload (RFC 792) is not believed. Where
// the headers are built below, fragments may be made there, too; and a host that
// has put fragments together quotes what came of it.
func (p *sentPacket) is(want *sentPacket, e *NetworkError, built bool) bool {
	switch {
	case p.dst != want.dst || p.protocol != want.protocol || p.size == 0:
		return false
	case e.Src.IsValid() && p.src != want.src && p.src != [16]byte{}:
		return false
	case e.ID != 0 && p.id != 0 && e.ID != p.id:
		return false
	case e.Size != 0 && e.Size != int(p.size) && !(built && e.Size < int(p.size)) && !(p.fragment && e.Size > int(p.size)):
		return false
	case e.Origin == transport.OriginLocal && len(e.Quoted) == 0:
		return true // the kernel quotes nothing of what it has not sent
	case want.n < p.n:
		return false
	}
	return string(want.first[:p.n]) == string(p.first[:p.n])
}

// as16 is a with an IPv4 address in front.
func as16(a netip.Addr) (b [16]byte) {
	if a.Is4() {
		v := a.As4()
		copy(b[:], v[:])
		return b
	}
	if a.IsValid() {
		b = a.As16()
	}
	return b
}
