// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/checksum"
)

// IPv4Fields are the fields of an IPv4 header to be built. Version, header
// length, total length and checksum follow from the others.
type IPv4Fields struct {
	TOS            uint8  // DSCP and ECN
	ID             uint16 // identification
	DontFragment   bool
	MoreFragments  bool
	FragmentOffset int // in bytes: a multiple of 8, at most 65528
	TTL            uint8
	Protocol       uint8
	Src, Dst       netip.Addr // IPv4
	Options        []byte     // at most 40 bytes; padded with zeros to a multiple of 4
	PayloadLen     int        // number of bytes that follow the header
}

// Len returns the length of the header with its options and their padding:
// the number of bytes that Marshal writes.
func (f *IPv4Fields) Len() int { return IPv4HeaderLen + (len(f.Options)+3)&^3 }

// Marshal writes the header to the start of b, checksum included. Its errors
// are ErrShortBuffer, ErrOptions, ErrLength, ErrOffset and ErrAddress.
func (f *IPv4Fields) Marshal(b []byte) error {
	n := f.Len()
	switch {
	case n > IPv4MaxHeaderLen:
		return ErrOptions
	case len(b) < n:
		return ErrShortBuffer
	case f.PayloadLen < 0 || f.PayloadLen > IPv4MaxLen-n:
		return ErrLength
	case f.FragmentOffset&^0xfff8 != 0:
		return ErrOffset
	case !f.Src.Is4() || !f.Dst.Is4():
		return ErrAddress
	}
	word := uint16(f.FragmentOffset >> 3)
	if f.DontFragment {
		word |= ipv4DontFragment
	}
	if f.MoreFragments {
		word |= ipv4MoreFragments
	}
	b = b[:n]
	b[0] = 4<<4 | uint8(n/4)
	b[1] = f.TOS
	binary.BigEndian.PutUint16(b[2:], uint16(n+f.PayloadLen))
	binary.BigEndian.PutUint16(b[4:], f.ID)
	binary.BigEndian.PutUint16(b[6:], word)
	b[8] = f.TTL
	b[9] = f.Protocol
	b[10], b[11] = 0, 0
	src, dst := f.Src.As4(), f.Dst.As4()
	copy(b[12:16], src[:])
	copy(b[16:20], dst[:])
	clear(b[IPv4HeaderLen+copy(b[IPv4HeaderLen:], f.Options):])
	binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b))
	return nil
}
