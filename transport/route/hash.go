// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"encoding/binary"
	"net/netip"
)

// hash spreads destinations: by the upper bits of a product, in which all bits
// have a part (Fibonacci hashing).
func hash(dst netip.Addr, ifindex int) uint64 {
	a := dst.As16()
	const phi = 0x9e3779b97f4a7c15
	x := binary.LittleEndian.Uint64(a[:8])*phi ^ binary.LittleEndian.Uint64(a[8:]) ^ uint64(ifindex)
	return x * phi >> 32
}
