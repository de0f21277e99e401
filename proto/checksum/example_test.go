// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package checksum_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"protean/proto/checksum"
)

// A UDP datagram is summed together with a pseudo header, and the result goes
// into its checksum field.
func ExamplePseudoHeader() {
	src, dst := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	udp := []byte{
		0xc0, 0x00, 0x00, 0x35, // ports 49152 and 53
		0x00, 0x0a, 0x00, 0x00, // length 10, checksum not yet known
		'h', 'i',
	}
	pseudo := checksum.PseudoHeader(src, dst, 17, len(udp))
	binary.BigEndian.PutUint16(udp[6:], ^checksum.Combine(pseudo, checksum.Sum(udp)))

	fmt.Println(checksum.VerifyWith(pseudo, udp))
	// Output: true
}

// A router that decrements the TTL updates the header checksum without reading
// the rest of the header.
func ExampleUpdate16() {
	const ttlAndProtocol = 0x4011 // TTL 64, UDP
	after := checksum.Update16(0xb861, ttlAndProtocol, ttlAndProtocol-0x0100)
	fmt.Printf("%#04x\n", after)
	// Output: 0xb961
}
