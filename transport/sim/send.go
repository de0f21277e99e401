// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
)

// send sends the packet of one slot, or says why it cannot be sent.
func (t *Transport) send(s *transport.Slot, now int64) error {
	data := s.Data
	if len(data) < 20 {
		return opError(opWrite, wire.TooShort)
	}
	v4 := data[0]>>4 == 4
	var dst []byte
	most := maxPacket
	switch {
	case v4:
		dst, most = data[16:20], maxPacket4
	case data[0]>>4 != 6:
		return opError(opWrite, wire.BadVersion)
	case len(data) < 40:
		return opError(opWrite, wire.TooShort)
	default:
		dst = data[24:40]
	}
	if s.Stamp && t.stamps >= t.limit {
		return transport.ErrNoSlots
	}
	w, err := t.node.route(dst, s.IfIndex)
	if err != nil {
		return opError(opWrite, err)
	}
	if most = min(w.mtu, most); len(data) > most {
		if t.net.inBubble() {
			t.enqueueOut(posted{way: w, refused: true}, data, false)
		} else {
			w.out.refuse(data, now)
		}
		return &transport.TooBigError{Size: len(data), MTU: most}
	}
	protocol, m := validate(data, v4)
	if m != wire.NotMalformed {
		return opError(opWrite, m)
	}
	if v4 && !t.net.inBubble() {
		t.node.complete(data, int(data[0]&15)*4, &w)
	}

	// A packet of the largest class goes on in the memory it was written to.
	whole := class(len(data)) == slotClass && t.lent.owns(s)
	if whole { // the caller may have cut its capacity
		data = t.lent.bufs[s.Ref-1][:len(data)]
	}
	if t.net.inBubble() {
		t.enqueueOut(posted{way: w, v4: v4, stamp: s.Stamp, sent: sent{protocol, s.Cookie}}, data, whole)
		if whole {
			t.lent.forget(s)
		}
		return nil
	}
	left, kept := w.out.send(data, now, whole, &w.label)
	if kept {
		t.lent.forget(s)
	}
	if s.Stamp && left >= 0 {
		t.stamps++
		t.stampAt(sent{protocol, s.Cookie}, left, now)
	}
	return nil
}

// validate refuses what a receiver would refuse, the IPv4 header checksum
// apart, and what does not end where its header says. It fills in an IPv4 total
// length of zero; a packet that it refuses stays as it is.
func validate(data []byte, v4 bool) (protocol uint8, m wire.Malformed) {
	fill := v4 && data[2]|data[3] == 0
	if fill {
		binary.BigEndian.PutUint16(data[2:], uint16(len(data)))
	}
	var p transport.Packet
	m = p.Load(data, transport.Arrival{Flags: transport.FlagHeaderVerified})
	if m == wire.NotMalformed && int(p.Len) != len(data) {
		m = wire.BadTotalLen
	}
	if m != wire.NotMalformed {
		if fill {
			data[2], data[3] = 0, 0
		}
		return 0, m
	}
	return p.Protocol(), m
}

// complete fills in what Linux fills in for an IPv4 header of the user's, see
// raw(7): a source address of zero, an identification of zero, and always the
// header checksum. (A total length of zero is filled in already.)
func (nd *Node) complete(b []byte, hdr int, w *way) {
	if b[4]|b[5] == 0 {
		if nd.ident++; nd.ident == 0 {
			nd.ident = 1
		}
		binary.BigEndian.PutUint16(b[4:], nd.ident)
	}
	if b[12]|b[13]|b[14]|b[15] == 0 {
		if src := w.source(netip.AddrFrom4([4]byte(b[16:20]))); src.IsValid() {
			a := src.As4()
			copy(b[12:], a[:])
		}
	}
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:hdr]))
}

// A sent is what a transmit stamp tells besides the time.
type sent struct {
	protocol uint8
	cookie   uint64
}

// stampAt has the stamp come at the time when the packet leaves. It is called
// before anything can answer the packet: of events at the same time, the stamp
// is ahead of all but the packet itself.
func (t *Transport) stampAt(st sent, left, now int64) {
	if left <= now {
		t.stamped(st, now)
		return
	}
	s := t.net.take(sourceStamp)
	s.t, s.stamp = t, st
	t.net.schedule(s, left)
}

func (t *Transport) stamped(st sent, at int64) {
	if t.closed {
		return
	}
	t.notes.Push(note{kind: transport.PacketSent, sent: transport.Sent{
		Protocol: st.protocol, Cookie: st.cookie, Time: at, Source: transport.TimeUser,
	}})
	t.ready()
}
