// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"
)

// IPv6Fields are the fields of an IPv6 header to be built, and the extension
// headers that follow it. Version, payload length and the next header fields
// in between follow from the others.
type IPv6Fields struct {
	TrafficClass uint8  // DSCP and ECN
	FlowLabel    uint32 // 20 bits
	HopLimit     uint8
	Protocol     uint8      // upper-layer protocol: the last next header field
	Src, Dst     netip.Addr // IPv6, IPv4-mapped included; zones are left out
	Ext          []Ext      // extension headers, in order
	PayloadLen   int        // number of bytes that follow the extension headers
}

// Len returns the length of the header and its extension headers: the number
// of bytes that Marshal writes.
func (f *IPv6Fields) Len() int { return IPv6HeaderLen + ExtLen(f.Ext) }

// Marshal writes the header and its extension headers to the start of b. Its
// errors are ErrShortBuffer, ErrLength, ErrField, ErrAddress and ErrExtension.
func (f *IPv6Fields) Marshal(b []byte) error {
	n := f.Len()
	switch {
	case len(b) < n:
		return ErrShortBuffer
	case f.PayloadLen < 0 || f.PayloadLen > 0xffff-(n-IPv6HeaderLen):
		return ErrLength
	case f.FlowLabel > 0xfffff:
		return ErrField
	case !f.Src.Is6() || !f.Dst.Is6():
		return ErrAddress
	}
	first, _, err := MarshalExt(b[IPv6HeaderLen:n], f.Ext, f.Protocol)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b, 6<<28|uint32(f.TrafficClass)<<20|f.FlowLabel)
	binary.BigEndian.PutUint16(b[4:], uint16(n-IPv6HeaderLen+f.PayloadLen))
	b[6] = first
	b[7] = f.HopLimit
	src, dst := f.Src.As16(), f.Dst.As16()
	copy(b[8:24], src[:])
	copy(b[24:40], dst[:])
	return nil
}
