// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"

	"protean/proto/wire"
	"protean/transport"
)

// expected is what the next packet of a ring is expected to look like: as the
// last one that took more to find out, if packets like it are all delivered.
// They are without options or extension headers, and no fragments. The zero
// value expects nothing.
type expected struct {
	policy *policy // with which they are delivered; nil: nothing is expected
	like   transport.Prediction
	dst4   uint64 // in the byte order of packets; nobody if there are more than 32 bits
	v6     bool
	dst6   [16]byte
}

// nobody is a destination that no IPv4 packet has.
const nobody = 1 << 32

// load6 makes p the IPv6 packet at the start of b and reports true, if it is as
// expected. For IPv4 receiveRing does that.
func (e *expected) load6(p *transport.Packet, b []byte, time int64) bool {
	if !e.v6 || len(b) < 40 || b[0]>>4 != 6 {
		return false
	}
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) || !e.policy.bound[b[6]] || wire.IsExtension(b[6]) || [16]byte(b[24:]) != e.dst6 {
		return false
	}
	p.LoadPredicted(&e.like, b[:total], time, b[6])
	return true
}

// learn expects packets like p, which is delivered, if the policy delivers all of
// them.
func (e *expected) learn(pol *policy, k *known, p *transport.Packet) {
	like, ok := p.Predict()
	if !ok || k.policy != pol || p.Type() != transport.PacketHost {
		return
	}
	switch {
	case p.Is6() && k.has6 && p.HeaderLen() == 40 && [16]byte(p.Data[24:]) == k.dst6:
		*e = expected{policy: pol, like: like, dst4: nobody, v6: true, dst6: k.dst6}
	case !p.Is6() && k.has4 && p.HeaderLen() == 20 && binary.NativeEndian.Uint32(p.Data[16:]) == k.dst4:
		*e = expected{policy: pol, like: like, dst4: uint64(k.dst4)}
	}
}
