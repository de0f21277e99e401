// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"errors"
	"fmt"
	"syscall"

	"protean/transport"
)

func sizeTests() []subtest {
	return []subtest{
		{"the largest packet of the link is received", unlessReceiving, func(x *trial) { largest(x, &x.b, &x.a) }},
		{"the largest packet of the link is sent", nil, func(x *trial) { largest(x, &x.a, &x.b) }},
		{"a packet above the MTU is refused as too big", unlessCutByCaller, aboveMTU},
		{"a packet above the MTU is sent in fragments", unlessFragments, fragmented},
		{"a packet above Caps.MaxPacket is refused as too big", unlessBatch3, aboveMaxPacket},
	}
}

func unlessCutByCaller(c *transport.Caps) string {
	if c.Fragments {
		return "Caps.Fragments: packets above the MTU are sent in fragments"
	}
	return unlessBatch3(c)
}

func unlessFragments(c *transport.Caps) string {
	if !c.Fragments {
		return "Caps.Fragments: packets above the MTU are not sent"
	}
	return ""
}

// mtu returns the MTU of an endpoint's interface.
func (x *trial) mtu(e *Endpoint) int {
	for _, i := range e.Transport.Interfaces() {
		if i.Index == e.IfIndex {
			return i.MTU
		}
	}
	x.fatalf("interface %d of the endpoint is not among its transport's", e.IfIndex)
	return 0
}

// maxIP is the size of the largest packet that the family's header can tell.
func (x *trial) maxIP() int {
	if x.v6 {
		return 40 + 65535
	}
	return 65535
}

// sized returns a packet of size bytes.
func (x *trial) sized(from, to *Endpoint, size int) *datagram {
	d := x.datagram(from, to, markLen)
	d.payload = x.payload(x.seq, size-d.headerLen())
	return d
}

func largest(x *trial, from, to *Endpoint) {
	size := min(x.mtu(from), x.mtu(to), from.Transport.Caps().MaxPacket, x.maxIP())
	arrives(x, from, to, x.sized(from, to, size))
}

func aboveMTU(x *trial) {
	mtu := x.mtu(&x.a)
	tooBig(x, mtu+1, mtu)
}

func aboveMaxPacket(x *trial) {
	tooBig(x, x.caps.MaxPacket+1, x.caps.MaxPacket)
}

// tooBig commits packets of a size that cannot be sent, if slots have room
// for one, at each place of a batch.
func tooBig(x *trial, size, limit int) {
	var b transport.Batch
	x.reserve(x.a.queue(), &b, 1)
	room := cap(b.Slots[0].Data)
	x.giveBack(x.a.queue(), &b)
	if size > min(room, x.maxIP()) {
		x.leftOut(fmt.Sprintf("a slot has no room for %d bytes, or a header cannot tell them", size))
		return
	}
	in := x.inbox(&x.b)
	for _, df := range []bool{true, false} {
		for place := range 3 {
			in.forget()
			first := x.seq + 1
			batch := x.packets(&x.a, &x.b, 2)
			d := x.sized(&x.a, &x.b, size)
			d.df = df
			batch = append(batch[:place:place], append([][]byte{d.bytes()}, batch[place:]...)...)
			refused(x, "a packet that is too big", batch, place, func(err error) {
				var tb *transport.TooBigError
				if !errors.As(err, &tb) || !errors.Is(err, syscall.EMSGSIZE) {
					x.fatalf("Commit of %d bytes returned %v, want a *TooBigError", size, err)
				}
				if tb.Size != size || tb.MTU < 0 || tb.MTU > limit {
					x.errorf("Commit of %d bytes with a limit of %d returned Size %d and MTU %d", size, limit, tb.Size, tb.MTU)
				}
			})
			in.want(2)
			in.only(first, first+1)
		}
	}
	in.settle()
	in.want(2)
}

func fragmented(x *trial) {
	mtu := x.mtu(&x.a)
	size := 2*mtu + 100
	if size > min(x.caps.MaxPacket, x.maxIP()) || !x.b.Transport.Caps().Reassembles {
		x.leftOut("the packet is above Caps.MaxPacket, or the peer does not reassemble")
		return
	}
	in := x.inbox(&x.b)
	d := x.sized(&x.a, &x.b, size)
	d.df = false
	x.send(&x.a, d.bytes())
	in.want(1)
	if got := in.packets[0]; string(got.Payload()) != string(d.payload) {
		x.errorf("%d bytes of payload were sent, %d or others arrived", len(d.payload), len(got.Payload()))
	}
}
