// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import "encoding/binary"

// NetworkOrder turns a number into one that has its bytes in network order in
// memory, and back: the EtherTypes in struct sockaddr_ll (packet(7)).
func NetworkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
