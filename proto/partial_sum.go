// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"encoding/binary"

	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
)

// completeSum computes the checksum of d, a copy of p, that p's sender left to a device
// ([transport.ChecksumPartial]): whoever gets d would find it wrong. The field holds the
// sum of the pseudo-header meanwhile. That of SCTP, a CRC which may be left, too, is not
// computed.
func completeSum(d []byte, p *Packet) {
	if p.Checksum() != transport.ChecksumPartial {
		return
	}
	at := 0
	switch p.Protocol() {
	case wire.ProtoTCP:
		at = 16
	case wire.ProtoUDP:
		at = 6
	default:
		return
	}
	d = d[p.HeaderLen():]
	if len(d) < at+2 {
		return
	}
	sum := ^checksum.Sum(d)
	if sum == 0 && at == 6 {
		sum = 0xffff // RFC 768: 0 is none
	}
	binary.BigEndian.PutUint16(d[at:], sum)
}
