// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"net"
	"net/netip"

	"protean/proto/wire"
)

// A LinkAddr is a link-layer address of up to eight bytes, as many as struct
// sockaddr_ll holds (packet(7)). The zero LinkAddr has no bytes: that of links
// without addresses. LinkAddrs are comparable.
type LinkAddr struct {
	b [8]byte
	n uint8
}

// LinkAddrFrom returns the address in b, and false if it is longer than eight
// bytes.
func LinkAddrFrom(b []byte) (LinkAddr, bool) {
	var a LinkAddr
	if len(b) > len(a.b) {
		return LinkAddr{}, false
	}
	a.n = uint8(copy(a.b[:], b))
	return a, true
}

// LinkAddrFromMAC returns an Ethernet address as a LinkAddr.
func LinkAddrFromMAC(m wire.MAC) LinkAddr {
	a := LinkAddr{n: uint8(len(m))}
	copy(a.b[:], m[:])
	return a
}

// Len returns the number of bytes.
func (a LinkAddr) Len() int { return int(a.n) }

// MAC returns an Ethernet address, and false if it is none.
func (a LinkAddr) MAC() (m wire.MAC, ok bool) {
	copy(m[:], a.b[:])
	return m, int(a.n) == len(m)
}

// AppendTo appends the bytes to b.
func (a LinkAddr) AppendTo(b []byte) []byte { return append(b, a.b[:a.n]...) }

// String returns the bytes in hexadecimal with colons between.
func (a LinkAddr) String() string { return net.HardwareAddr(a.b[:a.n]).String() }

// MulticastMAC returns the Ethernet address of an IP multicast group: for IPv4
// 01:00:5e and the last 23 bits (RFC 1112, section 6.4), for IPv6 33:33 and the
// last 32 (RFC 2464, section 7). ok is false if it is not a group.
func MulticastMAC(group netip.Addr) (m wire.MAC, ok bool) {
	group = group.Unmap()
	if !group.IsMulticast() {
		return wire.MAC{}, false
	}
	if group.Is4() {
		b := group.As4()
		return wire.MAC{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}, true
	}
	b := group.As16()
	return wire.MAC{0x33, 0x33, b[12], b[13], b[14], b[15]}, true
}
