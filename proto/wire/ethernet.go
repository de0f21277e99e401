// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net"
)

// Lengths in bytes of an Ethernet header and of one VLAN tag in it.
const (
	EthernetHeaderLen = 14
	VLANTagLen        = 4
)

// MaxVLANTags is the number of VLAN tags that one frame may have.
const MaxVLANTags = 4

// EtherTypes, as assigned by IEEE.
const (
	EtherTypeIPv4      = 0x0800
	EtherTypeARP       = 0x0806
	EtherTypeVLAN      = 0x8100 // customer VLAN tag, IEEE 802.1Q
	EtherTypeIPv6      = 0x86dd
	EtherTypeMPLS      = 0x8847
	EtherTypeQinQ      = 0x88a8 // service VLAN tag, IEEE 802.1ad
	EtherTypeLLDP      = 0x88cc
	EtherTypeLocal1    = 0x88b5 // local experiments, IEEE 802
	EtherTypeLocal2    = 0x88b6 // local experiments, IEEE 802
	EtherTypeLengthMax = 0x05dc // values up to this are the length of an IEEE 802.3 frame
)

// A MAC is a 48-bit Ethernet address.
type MAC [6]byte

// BroadcastMAC returns ff:ff:ff:ff:ff:ff.
func BroadcastMAC() MAC { return MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// String returns the address as six hexadecimal bytes with colons between.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// IsMulticast reports whether the address is of a group, the broadcast address
// included.
func (m MAC) IsMulticast() bool { return m[0]&1 != 0 }

// A VLANTag is an IEEE 802.1Q or 802.1ad tag.
type VLANTag struct {
	TPID uint16 // EtherTypeVLAN or EtherTypeQinQ; 0 means EtherTypeVLAN when building
	PCP  uint8  // priority code point, 3 bits
	DEI  bool   // drop eligible indicator
	VID  uint16 // VLAN identifier, 12 bits
}

// TCI returns the tag control information: PCP, DEI and VID in 16 bits.
func (t VLANTag) TCI() uint16 {
	tci := uint16(t.PCP&7)<<13 | t.VID&0xfff
	if t.DEI {
		tci |= 1 << 12
	}
	return tci
}

// VLANTagFrom returns the tag with the given tag protocol identifier and tag
// control information, such as a network card reports beside a frame.
func VLANTagFrom(tpid, tci uint16) VLANTag {
	return VLANTag{TPID: tpid, PCP: uint8(tci >> 13), DEI: tci&(1<<12) != 0, VID: tci & 0xfff}
}

// An Ethernet is a view of an Ethernet frame without preamble and frame check
// sequence. It aliases the bytes it was made from. Made by [ParseEthernet], no
// accessor panics whatever the bytes say.
type Ethernet []byte

// ParseEthernet is the validity gate for a received Ethernet frame, which is
// all of b. The reasons are TooShort, for less than 14 bytes, Truncated, for
// one that ends inside its VLAN tags, and ChainTooLong for more than
// MaxVLANTags.
func ParseEthernet(b []byte) (Ethernet, Malformed) {
	if len(b) < EthernetHeaderLen {
		return nil, TooShort
	}
	end := EthernetHeaderLen
	for isVLAN(binary.BigEndian.Uint16(b[end-2:])) {
		end += VLANTagLen
		if end > EthernetHeaderLen+MaxVLANTags*VLANTagLen {
			return nil, ChainTooLong
		}
		if end > len(b) {
			return nil, Truncated
		}
	}
	return Ethernet(b[:len(b):len(b)]), NotMalformed
}

func isVLAN(t uint16) bool { return t == EtherTypeVLAN || t == EtherTypeQinQ }

// Dst returns the destination address.
func (f Ethernet) Dst() MAC { return MAC(f[0:6]) }

// Src returns the source address.
func (f Ethernet) Src() MAC { return MAC(f[6:12]) }

// HeaderLen returns the length of the header with its VLAN tags.
func (f Ethernet) HeaderLen() int {
	end := EthernetHeaderLen
	for isVLAN(binary.BigEndian.Uint16(f[end-2:])) && end+VLANTagLen <= len(f) {
		end += VLANTagLen
	}
	return end
}

// EtherType returns the type of the payload, behind all VLAN tags. A value of
// at most EtherTypeLengthMax is the length of an IEEE 802.3 frame instead.
func (f Ethernet) EtherType() uint16 { return binary.BigEndian.Uint16(f[f.HeaderLen()-2:]) }

// NumTags returns the number of VLAN tags.
func (f Ethernet) NumTags() int { return (f.HeaderLen() - EthernetHeaderLen) / VLANTagLen }

// Tag returns VLAN tag i, 0 being the outermost, and whether there is one.
func (f Ethernet) Tag(i int) (tag VLANTag, ok bool) {
	if i < 0 || i >= f.NumTags() {
		return VLANTag{}, false
	}
	b := f[12+VLANTagLen*i:]
	return VLANTagFrom(binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])), true
}

// Payload returns what follows the header and its tags, link-layer padding
// included. It aliases the frame.
func (f Ethernet) Payload() []byte { return f[f.HeaderLen():] }

// SetDst sets the destination address.
func (f Ethernet) SetDst(a MAC) { copy(f[0:6], a[:]) }

// SetSrc sets the source address.
func (f Ethernet) SetSrc(a MAC) { copy(f[6:12], a[:]) }

// EthernetFields are the fields of an Ethernet header to be built.
type EthernetFields struct {
	Dst, Src  MAC
	Tags      []VLANTag // outermost first
	EtherType uint16
}

// Len returns the number of bytes that Marshal writes.
func (e *EthernetFields) Len() int { return EthernetHeaderLen + VLANTagLen*len(e.Tags) }

// Marshal writes the header to the start of b. Its errors are ErrShortBuffer,
// and ErrField for a tag with a TPID, PCP or VID out of range or for more than
// MaxVLANTags.
func (e *EthernetFields) Marshal(b []byte) error {
	if len(e.Tags) > MaxVLANTags {
		return ErrField
	}
	if len(b) < e.Len() {
		return ErrShortBuffer
	}
	copy(b[0:6], e.Dst[:])
	copy(b[6:12], e.Src[:])
	b = b[12:e.Len()]
	for _, t := range e.Tags {
		if t.TPID == 0 {
			t.TPID = EtherTypeVLAN
		}
		if !isVLAN(t.TPID) || t.PCP > 7 || t.VID > 0xfff {
			return ErrField
		}
		binary.BigEndian.PutUint16(b, t.TPID)
		binary.BigEndian.PutUint16(b[2:], t.TCI())
		b = b[VLANTagLen:]
	}
	binary.BigEndian.PutUint16(b, e.EtherType)
	return nil
}
