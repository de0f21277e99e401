// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
)

// A Slot is a packet being made, in the memory from which it will be sent. It
// belongs to the caller until Commit or Discard, one of which must follow
// before the callback returns, and before the next slot is asked for.
type Slot struct {
	o    *outbox
	b    *Binding
	ts   *transport.Slot
	hdr  int // length of the IP header
	open bool

	ownID bool // the identification is the caller's
}

// Payload returns the room for what follows the IP header. Its content is
// undefined: write all of it. It is valid until Commit or Discard.
func (s *Slot) Payload() []byte { return s.ts.Data[s.hdr:] }

// Header returns the IP header with its options or extension headers, filled
// in, for whoever wants to change it; lengths and the IPv4 checksum are
// completed by Commit. It is valid until Commit or Discard.
func (s *Slot) Header() []byte { return s.ts.Data[:s.hdr] }

// Src returns the address that the packet is sent from, for checksums with a pseudo-header
// (checksum.PseudoHeader): the one given, or that of the route. It is the unspecified
// address where the header is built below and the source chosen there.
func (s *Slot) Src() netip.Addr {
	if h := s.Header(); h[0]>>4 == 4 {
		return wire.IPv4(h).Src()
	}
	return wire.IPv6(s.Header()).Src()
}

// Dst returns the destination in the IP header: with a routing header that is the first stop.
func (s *Slot) Dst() netip.Addr {
	if h := s.Header(); h[0]>>4 == 4 {
		return wire.IPv4(h).Dst()
	}
	return wire.IPv6(s.Header()).Dst()
}

// SetLen makes the payload n bytes long, which must not be more than the room
// asked for grows to: Caps.MaxPacket less the header.
func (s *Slot) SetLen(n int) error {
	if !s.open {
		return ErrSlotDone
	}
	if n < 0 || n > s.o.h.maxPayload(s.hdr, s.ts.Data[0]>>4 == 6) || n > cap(s.ts.Data)-s.hdr {
		return s.o.h.tooBig(s.hdr+max(n, 0), s.ts.Data[0]>>4 == 6)
	}
	s.ts.Data = s.ts.Data[:s.hdr+n]
	return nil
}

// Commit stages the packet: it is sent when the callback's pass ends, after
// those committed before it. What goes wrong then is reported to the
// ErrorHandler and counted. A packet above the path's MTU is cut into fragments
// where the transport does not do it and its FragMode allows it; if not, Commit
// returns a *transport.TooBigError. ErrNoSlots: there is no room for all of the
// fragments.
func (s *Slot) Commit() error {
	if !s.open {
		return ErrSlotDone
	}
	s.open = false
	complete(s.ts.Data, s.hdr)
	return s.o.commit(s)
}

// Discard gives the slot up; nothing is sent. It is harmless after Commit.
func (s *Slot) Discard() { s.open = false }

// complete fills in the lengths and the IPv4 header checksum of the packet d.
func complete(d []byte, hdr int) {
	if d[0]>>4 == 6 {
		binary.BigEndian.PutUint16(d[4:], uint16(len(d)-40))
		return
	}
	const size = 0xffff << 32 // of the four fields in the first long word
	be := binary.BigEndian
	checksum.PutHeader(d[:hdr], be.Uint64(d)&^size|uint64(uint16(len(d)))<<32, be.Uint64(d[8:]))
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
