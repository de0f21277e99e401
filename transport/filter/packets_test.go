// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"protean/proto/wire"
)

// packet4 returns an IPv4 packet, or a fragment of one.
func packet4(src, dst netip.Addr, protocol uint8, fragOff uint16, payload string) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(b[6:], fragOff)
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	return append(b, payload...)
}

// packet6 returns an IPv6 packet; chain is its extension headers.
func packet6(src, dst netip.Addr, next uint8, chain []byte, payload string) []byte {
	b := make([]byte, 40, 40+len(chain)+len(payload))
	b[0], b[6], b[7] = 0x60, next, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(chain)+len(payload)))
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(append(b, chain...), payload...)
}

func oneOf[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// randomFrame returns a frame that a good part of the specs has a reason to
// accept or refuse.
func randomFrame(r *rand.Rand, link int) frame {
	f := frame{
		kind: oneOf[uint32](r, 0, 0, 0, 0, 1, 2, 3, 4),
		vlan: oneOf[uint32](r, 0, 0, 5, 0x2005, 6),
		link: make([]byte, link),
	}
	for i := range f.link {
		f.link[i] = byte(r.Uint32())
	}
	var tags []byte
	for range oneOf(r, 0, 0, 0, 0, 1, 2, 3) {
		tags = binary.BigEndian.AppendUint16(tags, oneOf[uint16](r, wire.EtherTypeVLAN, wire.EtherTypeQinQ))
		tags = binary.BigEndian.AppendUint16(tags, uint16(r.Uint32()))
	}
	proto := oneOf[uint16](r, wire.EtherTypeIPv4, wire.EtherTypeIPv4, wire.EtherTypeIPv6, wire.EtherTypeIPv6, wire.EtherTypeIPv6, wire.EtherTypeARP)
	var ip []byte
	if proto == wire.EtherTypeIPv6 {
		ip = random6(r)
	} else {
		ip = random4(r)
	}
	tags = append(binary.BigEndian.AppendUint16(tags, proto), ip...)
	f.proto, f.data = uint32(binary.BigEndian.Uint16(tags)), tags[2:]
	if r.IntN(20) == 0 {
		f.data = f.data[:r.IntN(len(f.data)+1)]
	}
	return f
}

func randomProtocol(r *rand.Rand) uint8 {
	return oneOf[uint8](r, 253, 253, 253, 1, 58, 17, 50, 59, 254, uint8(r.Uint32()))
}

func random4(r *rand.Rand) []byte {
	b := make([]byte, 20+4*r.IntN(11)+r.IntN(40))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0] = 4<<4 | byte(5+r.IntN(11))
	b[9] = randomProtocol(r)
	a := oneOf(r, "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.9.9.9", "11.0.0.1", "224.0.0.5", "255.255.255.255")
	copy(b[16:], netip.MustParseAddr(a).AsSlice())
	return b
}

func random6(r *rand.Rand) []byte {
	b := make([]byte, 40)
	b[0] = 6 << 4
	a := oneOf(r, "fd00::1", "fd00::1", "fd00::2", "fd00:0:0:1::5", "fd00:0:0:1:8000::5", "ff02::1", "fe80::1")
	copy(b[24:], netip.MustParseAddr(a).AsSlice())
	next := 6
	for range oneOf(r, 0, 0, 0, 1, 1, 2, 3, 4, 5, 17) {
		t := oneOf[uint8](r, 0, 43, 44, 44, 51, 60, 60, 135, 139, 140)
		size := 8 * (1 + r.IntN(3))
		h := make([]byte, size)
		h[1] = byte(size/8 - 1)
		switch t {
		case wire.ExtFragment:
			h = h[:8]
			binary.BigEndian.PutUint16(h[2:], oneOf[uint16](r, 0, 1, 8, 9, uint16(r.Uint32())))
		case wire.ExtAH:
			size = 12 + 4*r.IntN(4)
			h = make([]byte, size)
			h[1] = byte(size/4 - 2)
		}
		b[next] = t
		next = len(b)
		b = append(b, h...)
	}
	b[next] = randomProtocol(r)
	for range r.IntN(40) {
		b = append(b, byte(r.Uint32()))
	}
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}
