// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"
)

// ARPLen is the length in bytes of an ARP packet for Ethernet and IPv4.
const ARPLen = 28

// ARP operations (RFC 826).
const (
	ARPRequest = 1
	ARPReply   = 2
)

// arpHardwareEthernet is the hardware address space of Ethernet (RFC 826).
const arpHardwareEthernet = 1

// An ARP is a view of an ARP packet for Ethernet and IPv4 (RFC 826). It aliases
// the bytes it was made from. Made by [ParseARP], no accessor panics.
type ARP []byte

// ParseARP is the validity gate for the ARP packet at the start of b; what
// follows it is link-layer padding. The reasons are TooShort, BadVersion if it
// is not for Ethernet and IPv4, and BadHeaderLen if its address lengths are
// not theirs.
func ParseARP(b []byte) (ARP, Malformed) {
	if len(b) < ARPLen {
		return nil, TooShort
	}
	if binary.BigEndian.Uint16(b) != arpHardwareEthernet || binary.BigEndian.Uint16(b[2:]) != EtherTypeIPv4 {
		return nil, BadVersion
	}
	if b[4] != 6 || b[5] != 4 {
		return nil, BadHeaderLen
	}
	return ARP(b[:ARPLen:ARPLen]), NotMalformed
}

// Op returns the operation.
func (a ARP) Op() uint16 { return binary.BigEndian.Uint16(a[6:]) }

// SenderMAC returns the sender hardware address.
func (a ARP) SenderMAC() MAC { return MAC(a[8:14]) }

// SenderIP returns the sender protocol address.
func (a ARP) SenderIP() netip.Addr { return netip.AddrFrom4([4]byte(a[14:18])) }

// TargetMAC returns the target hardware address; without meaning in a request.
func (a ARP) TargetMAC() MAC { return MAC(a[18:24]) }

// TargetIP returns the target protocol address.
func (a ARP) TargetIP() netip.Addr { return netip.AddrFrom4([4]byte(a[24:28])) }

// ARPFields are the fields of an ARP packet to be built.
type ARPFields struct {
	Op        uint16
	SenderMAC MAC
	SenderIP  netip.Addr
	TargetMAC MAC // zero in a request
	TargetIP  netip.Addr
}

// Len returns the number of bytes that Marshal writes.
func (f *ARPFields) Len() int { return ARPLen }

// Marshal writes the packet to the start of b. Its errors are ErrShortBuffer
// and ErrAddress.
func (f *ARPFields) Marshal(b []byte) error {
	if len(b) < ARPLen {
		return ErrShortBuffer
	}
	if !f.SenderIP.Is4() || !f.TargetIP.Is4() {
		return ErrAddress
	}
	binary.BigEndian.PutUint16(b, arpHardwareEthernet)
	binary.BigEndian.PutUint16(b[2:], EtherTypeIPv4)
	b[4], b[5] = 6, 4
	binary.BigEndian.PutUint16(b[6:], f.Op)
	copy(b[8:14], f.SenderMAC[:])
	sender, target := f.SenderIP.As4(), f.TargetIP.As4()
	copy(b[14:18], sender[:])
	copy(b[18:24], f.TargetMAC[:])
	copy(b[24:28], target[:])
	return nil
}
