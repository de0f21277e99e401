// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"protean/transport"
)

// A sentMatch is what an error is told with that is about a packet of the log.
type sentMatch struct {
	size   int
	cookie uint64
	owner  uint32 // Binding.serial, or nobody
	cut    bool   // routers may cut it
	reads  int    // what was looked at: tags, and a packet as several of them
}

// siblings is how many packets before one that e can be about are looked through for one
// that it is more likely about, of the right size: the fragments of a datagram may all
// begin alike.
const siblings = 128

// find returns the latest packet that e can be about, of several close to each other one
// of the size that e tells. If its whole header is known and IPv4, it has an identification.
func (l *sentLog) find(e *NetworkError, now int64, whole bool) (found sentMatch, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	want := l.wanted(e)
	// Without an identification in the log, or in e, the payload has to do.
	byID, byData := want.tag(want.id), want.tag(0)
	noID := whole && e.ID == 0 && e.Dst.Is4()
	anyTag := e.ID == 0 && !noID && (e.Dst.Is4() || len(want.quoted()) < 4)
	reads, last := 0, len(l.packets)
	for i := 1; i <= last; i++ {
		k := (l.next - i) & (len(l.packets) - 1)
		t := l.tags[k]
		if t == 0 {
			break // and so is all that is older
		}
		reads++
		// Errors may be many, and forged: packets are looked at if their tag is right.
		if t != byID && t != byData && !anyTag {
			continue
		}
		p := &l.packets[k]
		reads += 3 // it is some lines of memory, and up to 6 ns where a tag is 2
		if !p.is(&want, e, l.built) || noID && p.id != 0 || p.owner == nobody && !tooBig(e) {
			continue
		}
		if p.age(ticks(now)) > ticks(sentLife) {
			break // as is all that is older
		}
		exact := e.Size == 0 || e.Size == p.about.size()
		if exact || !ok {
			found = sentMatch{size: p.about.size(), owner: p.owner, cut: p.about&aboutCut != 0}
			if l.cookies != nil {
				found.cookie = l.cookies[k]
			}
			ok, last = true, min(last, i+siblings)
		}
		if exact {
			break
		}
	}
	found.reads = reads
	return found, ok
}

// wanted is a packet as the log has it, as far as e tells.
func (l *sentLog) wanted(e *NetworkError) (p sentPacket) {
	p.src, p.dst, p.id = l.address(e.Src), l.address(e.Dst), e.ID
	p.about = about(copy(p.first[:], e.Quoted))<<aboutFirst | about(e.Protocol)<<aboutProtocol
	if e.Dst.Is6() {
		p.about |= aboutV6
	}
	return p
}

func (l *sentLog) address(a netip.Addr) uint32 {
	switch {
	case a.Is4():
		b := a.As4()
		return binary.BigEndian.Uint32(b[:])
	case a.Is6():
		return l.brief(a.As16())
	}
	return 0
}

// is reports whether an error that tells what is in want can be about p. What
// it does not tell, or p does not know, is no contradiction, but a network that
// quotes less than eight bytes of the payload (RFC 792) is not believed. Where
// the headers are built below, fragments may be made there, too, and by routers, which quote
// those; and a host that has put fragments together quotes what came of it, without a
// fragment header.
func (p *sentPacket) is(want *sentPacket, e *NetworkError, built bool) bool {
	const same = aboutV6 | 0xff<<aboutProtocol
	size := p.about.size()
	switch {
	case p.dst != want.dst || (p.about^want.about)&same != 0 || p.about == 0:
		return false
	case e.Src.IsValid() && p.src != want.src && p.src != 0:
		return false
	case e.ID != 0 && p.id != 0 && e.ID != p.id:
		return false
	case e.Size != 0 && e.Size != size && !p.may(e, built):
		return false
	case e.Origin == transport.OriginLocal && len(e.Quoted) == 0:
		return true // the kernel quotes nothing of what it has not sent
	}
	return strings.HasPrefix(want.quoted(), p.quoted())
}

// may reports whether what e is about can have come of p, although it has another size.
func (p *sentPacket) may(e *NetworkError, built bool) bool {
	if e.Size < p.about.size() {
		return built || p.about&aboutCut != 0
	}
	return p.about&aboutFragment != 0 && (p.about&aboutV6 == 0 || e.ID == 0)
}
