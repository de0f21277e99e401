// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"

	"protean/proto/checksum"
)

// None of the setters touches the checksum: call FillChecksum after the last
// change, or SetChecksum with one that was updated incrementally.

// SetTOS sets the type of service byte: DSCP and ECN.
func (h IPv4) SetTOS(tos uint8) { h[1] = tos }

// SetTotalLen sets the total length field to the low 16 bits of n. It does not
// change the length of the view.
func (h IPv4) SetTotalLen(n int) { binary.BigEndian.PutUint16(h[2:], uint16(n)) }

// SetID sets the identification.
func (h IPv4) SetID(id uint16) { binary.BigEndian.PutUint16(h[4:], id) }

// SetDontFragment sets the DF flag.
func (h IPv4) SetDontFragment(on bool) { setBit(&h[6], ipv4DontFragment>>8, on) }

// SetMoreFragments sets the MF flag.
func (h IPv4) SetMoreFragments(on bool) { setBit(&h[6], ipv4MoreFragments>>8, on) }

// SetFragmentOffset sets the fragment offset, in bytes. It must be a multiple
// of 8 and at most 65528; other bits of n are lost.
func (h IPv4) SetFragmentOffset(n int) {
	flags := binary.BigEndian.Uint16(h[6:]) &^ ipv4OffsetMask
	binary.BigEndian.PutUint16(h[6:], flags|uint16(n>>3)&ipv4OffsetMask)
}

// SetTTL sets the time to live.
func (h IPv4) SetTTL(ttl uint8) { h[8] = ttl }

// SetProtocol sets the protocol number.
func (h IPv4) SetProtocol(p uint8) { h[9] = p }

// SetSrc sets the source address. It panics if a is not an IPv4 address or an
// IPv4-mapped IPv6 address.
func (h IPv4) SetSrc(a netip.Addr) { v := a.As4(); copy(h[12:16], v[:]) }

// SetDst sets the destination address, like SetSrc.
func (h IPv4) SetDst(a netip.Addr) { v := a.As4(); copy(h[16:20], v[:]) }

// SetChecksum sets the header checksum field.
func (h IPv4) SetChecksum(sum uint16) { binary.BigEndian.PutUint16(h[10:], sum) }

// FillChecksum computes the header checksum and sets it.
func (h IPv4) FillChecksum() {
	h.SetChecksum(0)
	h.SetChecksum(checksum.Checksum(h.Header()))
}

func setBit(b *uint8, mask uint8, on bool) {
	*b &^= mask
	if on {
		*b |= mask
	}
}
