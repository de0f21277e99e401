// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"encoding/binary"

	"protean/proto/wire"
)

// Check says why the packet b must not be given to the kernel, which checks
// next to nothing of an included header: it would send an IPv6 packet with
// any payload length, and correct an IPv4 total length without a word.
func Check(b []byte) wire.Malformed {
	if len(b) < 20 {
		return wire.TooShort
	}
	var total int
	switch b[0] >> 4 {
	case 4:
		ihl := int(b[0]&15) * 4
		total = int(binary.BigEndian.Uint16(b[2:]))
		if ihl < 20 {
			return wire.BadHeaderLen
		}
		if total < ihl {
			return wire.BadTotalLen
		}
	case 6:
		if len(b) < 40 {
			return wire.TooShort
		}
		payload := int(binary.BigEndian.Uint16(b[4:]))
		if payload == 0 && b[6] == wire.ExtHopByHop {
			return wire.Jumbogram
		}
		total = 40 + payload
	default:
		return wire.BadVersion
	}
	switch {
	case total > len(b):
		return wire.Truncated
	case total < len(b):
		return wire.BadTotalLen
	}
	return wire.NotMalformed
}
