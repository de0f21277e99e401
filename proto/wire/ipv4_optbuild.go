// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"
)

// The append functions below add one option to IPv4Fields.Options and return
// the extended slice, like the built-in append: they allocate only if the
// capacity is used up.

// AppendIPv4RouterAlert appends a router alert option (RFC 2113). Value 0 asks
// every router to examine the packet.
func AppendIPv4RouterAlert(b []byte, value uint16) []byte {
	return append(b, IPv4OptRouterAlert, 4, byte(value>>8), byte(value))
}

// AppendIPv4RecordRoute appends an empty record route option with room for the
// given number of addresses. Nine fit a header; a number out of range is
// brought to 0 or 9.
func AppendIPv4RecordRoute(b []byte, slots int) []byte {
	slots = max(0, min(slots, 9))
	b = append(b, IPv4OptRecordRoute, byte(3+4*slots), 4)
	return appendZeros(b, 4*slots)
}

// AppendIPv4SourceRoute appends a source route option of type IPv4OptLSRR or
// IPv4OptSSRR. The hops are those after the header's destination address, the
// final destination last (RFC 791). More than nine do not fit a header and
// are left out, as is everything that is not an IPv4 address.
func AppendIPv4SourceRoute(b []byte, typ uint8, hops ...netip.Addr) []byte {
	start := len(b)
	b = append(b, typ, 3, 4)
	for _, a := range hops {
		if a.Is4() && b[start+1] < 39 {
			v := a.As4()
			b = append(b, v[:]...)
			b[start+1] += 4
		}
	}
	return b
}

// The flag field of the internet timestamp option: what is recorded.
const (
	IPv4TimestampOnly         = 0 // timestamps
	IPv4TimestampAddr         = 1 // address and timestamp of each node
	IPv4TimestampPrespecified = 3 // timestamps of nodes that the sender names
)

// AppendIPv4Timestamp appends an empty internet timestamp option with room for
// the given number of entries: timestamps alone (IPv4TimestampOnly, nine fit a
// header) or with the address of who stamped (IPv4TimestampAddr, four fit). A
// number out of range is brought to the nearest that fits.
func AppendIPv4Timestamp(b []byte, flag uint8, slots int) []byte {
	size := timestampEntry(flag)
	slots = max(0, min(slots, 36/size))
	b = append(b, IPv4OptTimestamp, byte(4+size*slots), 5, flag&15)
	return appendZeros(b, size*slots)
}

// AppendIPv4TimestampPrespecified appends an internet timestamp option in
// which the nodes with the given addresses write their timestamps. More than
// four do not fit a header and are left out, as is everything that is not an
// IPv4 address.
func AppendIPv4TimestampPrespecified(b []byte, nodes ...netip.Addr) []byte {
	start := len(b)
	b = append(b, IPv4OptTimestamp, 4, 5, IPv4TimestampPrespecified)
	for _, a := range nodes {
		if a.Is4() && b[start+1] < 36 {
			v := a.As4()
			b = append(b, v[:]...)
			b = binary.BigEndian.AppendUint32(b, 0)
			b[start+1] += 8
		}
	}
	return b
}

// timestampEntry returns the size of one entry for a flag field.
func timestampEntry(flag uint8) int {
	if flag == IPv4TimestampOnly {
		return 4
	}
	return 8
}

func appendZeros(b []byte, n int) []byte {
	var zeros [IPv4MaxOptionsLen]byte
	return append(b, zeros[:n]...)
}
