// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
)

// The protocols of packets that the transport carries, as in
// <linux/if_ether.h>.
const (
	protocolAll = unix.ETH_P_ALL
	protocol4   = unix.ETH_P_IP
	protocol6   = unix.ETH_P_IPV6
)

// headerLen is the length of the link header that is written in front of
// packets, where there is one.
const headerLen = wire.EthernetHeaderLen

// putHeader writes an Ethernet header.
func putHeader(h *[headerLen]byte, dst, src wire.MAC, protocol uint16) {
	copy(h[0:6], dst[:])
	copy(h[6:12], src[:])
	binary.BigEndian.PutUint16(h[12:], protocol)
}
