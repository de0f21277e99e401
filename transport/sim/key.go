// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"encoding/binary"
	"net/netip"
)

// A key is an address that compares and masks fast. The bits of an IPv4
// address are the first 32. It does not tell the family.
type key struct{ hi, lo uint64 }

// keyOf returns the key of a raw address of 4 or 16 bytes.
func keyOf(raw []byte) key {
	if len(raw) == 4 {
		return key{hi: uint64(binary.BigEndian.Uint32(raw)) << 32}
	}
	return key{binary.BigEndian.Uint64(raw), binary.BigEndian.Uint64(raw[8:16])}
}

func addrKey(a netip.Addr) key {
	if a.Is4() {
		b := a.As4()
		return keyOf(b[:])
	}
	b := a.As16()
	return keyOf(b[:])
}

func (k key) addr(v6 bool) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	if !v6 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b)
}

// maskOf returns a key whose first bits are ones.
func maskOf(bits int) key {
	if bits <= 64 {
		return key{hi: ^(^uint64(0) >> bits)}
	}
	return key{^uint64(0), ^(^uint64(0) >> (bits - 64))}
}

func (k key) and(m key) key { return key{k.hi & m.hi, k.lo & m.lo} }

// multicast reports whether the key is that of a multicast address.
func (k key) multicast(v6 bool) bool {
	if v6 {
		return k.hi>>56 == 0xff
	}
	return k.hi>>60 == 0xe
}

// linkLocal reports whether an IPv6 key is in fe80::/10.
func (k key) linkLocal() bool { return k.hi>>54 == 0xfe80>>6 }
