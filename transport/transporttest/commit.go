// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"protean/transport"
)

func commitTests() []subtest {
	return []subtest{
		{"Commit sends the first packets and takes the other slots back", unlessBatch3, commitFewer},
		{"a malformed packet at the head is refused and the rest can be sent", unlessBatch3, func(x *trial) { badPackets(x, 0) }},
		{"a malformed packet in the middle is refused and the rest can be sent", unlessBatch3, func(x *trial) { badPackets(x, 1) }},
		{"a malformed packet at the end is refused and the rest is sent", unlessBatch3, func(x *trial) { badPackets(x, 2) }},
		{"Commit takes slots back behind a packet that it refuses", unlessBatch3, badAndUnused},
		{"dropping every packet of a batch leaves nothing to send", unlessBatch3, dropAll},
	}
}

func unlessBatch3(c *transport.Caps) string {
	if c.Batch < 3 {
		return "Caps.Batch: three slots at once are too many"
	}
	return ""
}

func commitFewer(x *trial) {
	in := x.inbox(&x.b)
	q := x.a.queue()
	var b transport.Batch
	x.reserve(q, &b, 3)
	for i, p := range x.packets(&x.a, &x.b, 3) {
		x.fill(&b.Slots[i], p)
	}
	x.commit(q, &b, 2)
	in.want(2)
	in.settle()
	in.only(1, 2)
}

// A badPacket is one that no transport may take.
type badPacket struct {
	name string
	data []byte
}

func (x *trial) badPackets() []badPacket {
	good := x.datagram(&x.a, &x.b, 50).bytes()
	changed := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		return b
	}
	all := []badPacket{
		{"no bytes", nil},
		{"one byte", good[:1]},
		{"half a header", good[:12]},
		{"version 0", changed(func(b []byte) { b[0] &= 0x0f })},
		{"version 15", changed(func(b []byte) { b[0] |= 0xf0 })},
	}
	if x.v6 {
		all = append(all,
			badPacket{"an IPv6 header without its last byte", good[:39]},
			badPacket{"a payload length that lies", changed(func(b []byte) { b[5]++ })})
	} else {
		all = append(all,
			badPacket{"a header length below 20", changed(func(b []byte) { b[0] = 0x44 })},
			badPacket{"a header longer than the packet", changed(func(b []byte) { b[0] = 0x4f })[:20]},
			badPacket{"a total length above the bytes given", changed(func(b []byte) { b[3]++ })},
			badPacket{"a total length below the header's", changed(func(b []byte) { binary.BigEndian.PutUint16(b[2:], 19) })})
	}
	if x.v6 && !x.caps.V4 || !x.v6 && !x.caps.V6 {
		all = append(all, badPacket{"a family that Caps does not name", otherFamily(!x.v6)})
	}
	return all
}

// otherFamily returns a well-formed packet between loopback addresses.
func otherFamily(v6 bool) []byte {
	lo := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if v6 {
		lo = netip.IPv6Loopback()
	}
	d := &datagram{src: lo, dst: lo, protocol: proto1, ttl: 1, payload: make([]byte, 8)}
	return d.bytes()
}

// badPackets commits a batch of three with a malformed one at the given place.
func badPackets(x *trial, place int) {
	in := x.inbox(&x.b)
	for _, bad := range x.badPackets() {
		in.forget()
		first := x.seq + 1
		batch := x.packets(&x.a, &x.b, 2)
		batch = append(batch[:place:place], append([][]byte{bad.data}, batch[place:]...)...)
		refused(x, bad.name, batch, place, func(err error) {
			if errors.Is(err, net.ErrClosed) {
				x.errorf("%s: Commit returned %v", bad.name, err)
			}
		})
		in.want(2)
		in.only(first, first+1)
	}
	in.settle()
	if len(in.packets) != 2 {
		x.errorf("a malformed packet was sent: %d packets arrived instead of 2", len(in.packets))
	}
}

// refused commits a batch of which the packet at place cannot be sent, drops
// that and commits the rest.
func refused(x *trial, name string, batch [][]byte, place int, check func(err error)) {
	q := x.a.queue()
	var b transport.Batch
	x.reserve(q, &b, len(batch))
	for i, p := range batch {
		x.fill(&b.Slots[i], p)
	}
	x.step("committing a batch with %s", name)
	left := batch
	for sent, err := q.Commit(&b, len(batch)); ; sent, err = q.Commit(&b, len(left)) {
		x.account(&b, len(left), sent, err)
		left = left[sent:]
		x.holds(&b, left, name)
		if err == nil {
			x.fatalf("Commit took a packet with %s", name)
		}
		if !errors.Is(err, transport.ErrNoSlots) {
			if len(batch)-len(left) != place {
				x.fatalf("%s in place %d: Commit sent %d packets before it returned %v", name, place, len(batch)-len(left), err)
			}
			check(err)
			break
		}
		pause()
	}
	b.Drop()
	left = left[1:]
	x.holds(&b, left, name)
	x.commit(q, &b, len(left))
	if len(b.Slots) != 0 {
		x.fatalf("%s: %d slots are left after everything was sent or dropped", name, len(b.Slots))
	}
}

// holds fails unless the first slots of b are these packets.
func (x *trial) holds(b *transport.Batch, packets [][]byte, name string) {
	for i, p := range packets {
		if !bytes.Equal(b.Slots[i].Data, p) {
			x.fatalf("%s: slot %d of those not sent holds %x, want %x", name, i, b.Slots[i].Data, p)
		}
	}
}

func badAndUnused(x *trial) {
	in := x.inbox(&x.b)
	q := x.a.queue()
	var b transport.Batch
	x.reserve(q, &b, 3)
	good := x.packets(&x.a, &x.b, 2)
	x.fill(&b.Slots[0], good[0])
	x.fill(&b.Slots[1], good[1][:1])
	x.fill(&b.Slots[2], good[1])
	n := 2
	for {
		x.step("committing a good and a malformed packet")
		sent, err := q.Commit(&b, n)
		x.account(&b, n, sent, err)
		if n -= sent; !errors.Is(err, transport.ErrNoSlots) {
			break
		}
		pause()
	}
	if n != 1 {
		x.fatalf("%d packets are not sent, want the malformed one", n)
	}
	x.holds(&b, [][]byte{good[1][:1]}, "a malformed packet before an unused slot")
	x.giveBack(q, &b)
	in.want(1)
	in.settle()
	in.only(1, 1)
}

func dropAll(x *trial) {
	in := x.inbox(&x.b)
	q := x.a.queue()
	var b transport.Batch
	x.reserve(q, &b, 3)
	for i, p := range x.packets(&x.a, &x.b, 3) {
		x.fill(&b.Slots[i], p)
	}
	for range 3 {
		b.Drop()
	}
	x.giveBack(q, &b)
	in.settle()
	in.want(0)
}
