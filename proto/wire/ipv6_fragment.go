// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import "encoding/binary"

// IPv6FragmentLen is the length in bytes of an IPv6 fragment header.
const IPv6FragmentLen = 8

// An IPv6Fragment is a view of an IPv6 fragment header (RFC 8200 section 4.5).
// It aliases the bytes it was made from.
type IPv6Fragment []byte

// ParseIPv6Fragment returns a view of the fragment header at the start of b.
// The reason is TooShort if b has fewer than 8 bytes.
func ParseIPv6Fragment(b []byte) (IPv6Fragment, Malformed) {
	if len(b) < IPv6FragmentLen {
		return nil, TooShort
	}
	return IPv6Fragment(b[:IPv6FragmentLen:IPv6FragmentLen]), NotMalformed
}

// NextHeader returns the type of the first header of the fragmentable part.
func (f IPv6Fragment) NextHeader() uint8 { return f[0] }

// Offset returns the place of this fragment's data in the fragmentable part of
// the original packet, in bytes; always a multiple of 8.
func (f IPv6Fragment) Offset() int { return int(binary.BigEndian.Uint16(f[2:]) &^ 7) }

// More returns the M flag: set on every fragment but the last.
func (f IPv6Fragment) More() bool { return f[3]&1 != 0 }

// ID returns the identification, the same in all fragments of a packet.
func (f IPv6Fragment) ID() uint32 { return binary.BigEndian.Uint32(f[4:]) }

// IsAtomic reports whether this is the only fragment of its packet (RFC 6946).
func (f IPv6Fragment) IsAtomic() bool { return binary.BigEndian.Uint16(f[2:])&^6 == 0 }

// IPv6FragmentFields are the fields of an IPv6 fragment header to be built.
type IPv6FragmentFields struct {
	NextHeader uint8  // type of the first header of the fragmentable part
	Offset     int    // in bytes: a multiple of 8, at most 65528
	More       bool   // more fragments follow
	ID         uint32 // identification
}

// Len returns the number of bytes that Marshal writes.
func (f *IPv6FragmentFields) Len() int { return IPv6FragmentLen }

// Marshal writes the header to the start of b. The reserved fields are zero.
// Its errors are ErrShortBuffer and ErrOffset.
func (f *IPv6FragmentFields) Marshal(b []byte) error {
	if len(b) < IPv6FragmentLen {
		return ErrShortBuffer
	}
	if f.Offset&^0xfff8 != 0 {
		return ErrOffset
	}
	w := uint16(f.Offset)
	if f.More {
		w |= 1
	}
	b[0], b[1] = f.NextHeader, 0
	binary.BigEndian.PutUint16(b[2:], w)
	binary.BigEndian.PutUint32(b[4:], f.ID)
	return nil
}
