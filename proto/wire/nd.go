// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import "net/netip"

// Types of the options in neighbour discovery messages (RFC 4861 section 4.6
// and as noted).
const (
	NDOptSourceLinkAddr = 1
	NDOptTargetLinkAddr = 2
	NDOptPrefix         = 3
	NDOptRedirected     = 4
	NDOptMTU            = 5
	NDOptNonce          = 14 // RFC 3971
	NDOptRDNSS          = 25 // RFC 8106
)

// NeighborLen is the length in bytes of a neighbour solicitation or
// advertisement without options.
const NeighborLen = 24

// NDHopLimit is the hop limit of every neighbour discovery message: one with
// another has passed a router, and is to be dropped (RFC 4861 section 7.1).
const NDHopLimit = 255

// A Neighbor is a view of a neighbour solicitation or advertisement (RFC 4861
// sections 4.3 and 4.4). It aliases the bytes it was made from. Made by
// [ParseNeighbor], no accessor panics whatever the bytes say.
type Neighbor []byte

// ParseNeighbor is the validity gate for a neighbour solicitation or
// advertisement, behind that of [ParseICMPv6]. What it cannot see is left to
// the caller: the hop limit, and the addresses of the packet. The reasons are
// BadVersion for a message of another type, with a code other than 0, or about a
// group, TooShort, and BadOption for an option of length 0 or past the end.
func ParseNeighbor(m ICMPv6) (Neighbor, Malformed) {
	switch {
	case len(m) < ICMPHeaderLen || m[0] != ICMPv6NeighborSolicit && m[0] != ICMPv6NeighborAdvert || m[1] != 0:
		return nil, BadVersion
	case len(m) < NeighborLen:
		return nil, TooShort
	case m[8] == 0xff:
		return nil, BadVersion
	}
	it := NewNDOptionIterator(m[NeighborLen:])
	for it.Next() {
	}
	if it.Err() != NotMalformed {
		return nil, it.Err()
	}
	return Neighbor(m), NotMalformed
}

// Solicitation reports whether the message is a solicitation, and not an
// advertisement.
func (n Neighbor) Solicitation() bool { return n[0] == ICMPv6NeighborSolicit }

// Target returns the address that is asked for, or advertised.
func (n Neighbor) Target() netip.Addr { return netip.AddrFrom16([16]byte(n[8:24])) }

// Router reports, of an advertisement, whether the sender is a router.
func (n Neighbor) Router() bool { return !n.Solicitation() && n[4]&0x80 != 0 }

// Solicited reports, of an advertisement, whether it answers a solicitation.
func (n Neighbor) Solicited() bool { return !n.Solicitation() && n[4]&0x40 != 0 }

// Override reports, of an advertisement, whether it replaces an address that
// is known.
func (n Neighbor) Override() bool { return !n.Solicitation() && n[4]&0x20 != 0 }

// Options returns an iterator over the options.
func (n Neighbor) Options() NDOptionIterator { return NewNDOptionIterator(n[NeighborLen:]) }

// LinkAddr returns the Ethernet address in the option that belongs to the
// message: the source's of a solicitation, the target's of an advertisement.
func (n Neighbor) LinkAddr() (a MAC, ok bool) {
	want := uint8(NDOptTargetLinkAddr)
	if n.Solicitation() {
		want = NDOptSourceLinkAddr
	}
	for it := n.Options(); it.Next(); {
		if o := it.Option(); o.Type == want && len(o.Data) == len(a) {
			return MAC(o.Data), true
		}
	}
	return MAC{}, false
}

// NeighborFields are the fields of a neighbour solicitation or advertisement to
// be built.
type NeighborFields struct {
	Solicitation                bool // otherwise an advertisement
	Router, Solicited, Override bool // of an advertisement
	Target                      netip.Addr
	LinkAddr                    MAC  // the source's of a solicitation, the target's of an advertisement
	HasLinkAddr                 bool // there is a LinkAddr
}

// Len returns the number of bytes that Marshal writes.
func (f *NeighborFields) Len() int {
	if f.HasLinkAddr {
		return NeighborLen + 8
	}
	return NeighborLen
}

// Marshal writes the message to the start of b, with the checksum for a packet
// between the given addresses. Its errors are ErrShortBuffer and ErrAddress.
func (f *NeighborFields) Marshal(b []byte, src, dst netip.Addr) error {
	if len(b) < f.Len() {
		return ErrShortBuffer
	}
	if !f.Target.Is6() || f.Target.Is4In6() || !src.Is6() || !dst.Is6() {
		return ErrAddress
	}
	b = b[:f.Len()]
	clear(b)
	option := uint8(NDOptSourceLinkAddr)
	if b[0] = ICMPv6NeighborSolicit; !f.Solicitation {
		b[0], option = ICMPv6NeighborAdvert, NDOptTargetLinkAddr
		b[4] = bit(f.Router, 7) | bit(f.Solicited, 6) | bit(f.Override, 5)
	}
	target := f.Target.As16()
	copy(b[8:], target[:])
	if f.HasLinkAddr {
		b[24], b[25] = option, 1 // in units of eight bytes
		copy(b[26:], f.LinkAddr[:])
	}
	ICMPv6(b).FillChecksum(src, dst)
	return nil
}

func bit(set bool, n int) uint8 {
	if set {
		return 1 << n
	}
	return 0
}

// SolicitedNode returns the multicast group in which whoever has the IPv6
// address a is solicited: ff02::1:ff00:0/104 with its last 24 bits (RFC 4291
// section 2.7.1).
func SolicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}
