// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"encoding/binary"

	"protean/proto/wire"
)

// A header is what middleboxes look at in an IP header.
type header struct {
	v6       bool
	protocol uint8 // of the payload, behind extension headers
	len      int   // with options or extension headers
	fragment bool  // the packet is a fragment
	first    bool  // it begins with the header of its protocol
}

// parse reports whether b begins with a header that can be understood.
func (h *header) parse(b []byte) bool {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		frag := binary.BigEndian.Uint16(b[6:])
		*h = header{
			protocol: b[9], len: int(b[0]&15) * 4, fragment: frag&0x3fff != 0, first: frag&0x1fff == 0,
		}
		return h.len >= 20 && h.len <= len(b)
	case len(b) >= 40 && b[0]>>4 == 6:
		var c wire.Chain
		if wire.WalkIPv6(b, &c) != wire.NotMalformed {
			return false
		}
		*h = header{
			v6: true, protocol: c.Protocol, len: c.HeaderLen,
			fragment: c.More || c.FragOffset != 0, first: c.FragOffset == 0,
		}
		return h.len <= len(b)
	}
	return false
}

// setWord replaces a 16-bit word of an IPv4 header and brings the header
// checksum up to date, which stays as right or wrong as it was.
func setWord(b []byte, at int, v uint16) {
	old := binary.BigEndian.Uint16(b[at:])
	binary.BigEndian.PutUint16(b[at:], v)
	fix(b, 10, old, v)
}
