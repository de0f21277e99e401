// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"

	"protean/transport"
)

func deliveryTests() []subtest {
	return []subtest{
		{"a received packet is what was sent", unlessReceiving, func(x *trial) { arrives(x, &x.b, &x.a, x.datagram(&x.b, &x.a, 100)) }},
		{"a sent packet arrives as it was given", nil, func(x *trial) { arrives(x, &x.a, &x.b, x.datagram(&x.a, &x.b, 100)) }},
		{"a packet can be sent through a named interface", nil, sendThroughInterface},
		{"options and extension headers are received", unlessReceiving, func(x *trial) { withOptions(x, &x.b, &x.a) }},
		{"options and extension headers are sent", unlessHeaderGiven, func(x *trial) { withOptions(x, &x.a, &x.b) }},
		{"a packet without payload is received", unlessReceiving, func(x *trial) { withoutPayload(x, &x.b, &x.a) }},
		{"a packet without payload is sent", nil, func(x *trial) { withoutPayload(x, &x.a, &x.b) }},
		{"a sink may overwrite a packet", unlessReceiving, overwriting},
		{"many packets are received once and in order", unlessReceiving, func(x *trial) { manyInOrder(x, &x.b, &x.a) }},
		{"many packets are sent once and in order", nil, func(x *trial) { manyInOrder(x, &x.a, &x.b) }},
	}
}

func unlessHeaderGiven(c *transport.Caps) string {
	if c.BuildsHeader {
		return "Caps.BuildsHeader: the header is built below"
	}
	return ""
}

func arrives(x *trial, from, to *Endpoint, d *datagram) {
	in := x.inbox(to)
	x.send(from, d.bytes())
	in.want(1)
	x.compare(in.packets[0], d, from, to)
	in.settle()
	in.want(1)
}

func sendThroughInterface(x *trial) {
	in := x.inbox(&x.b)
	d := x.datagram(&x.a, &x.b, 100)
	var b transport.Batch
	x.reserve(x.a.queue(), &b, 1)
	x.fill(&b.Slots[0], d.bytes())
	b.Slots[0].IfIndex = int32(x.a.IfIndex)
	x.commit(x.a.queue(), &b, 1)
	in.want(1)
	x.compare(in.packets[0], d, &x.a, &x.b)
}

func withOptions(x *trial, from, to *Endpoint) {
	d := x.datagram(from, to, 100)
	if x.v6 {
		d.extType, d.ext = 60, []byte{0, 0, 1, 4, 0, 0, 0, 0} // destination options, PadN
	} else {
		d.options = []byte{1, 1, 1, 0} // no operation, three times, and the end
	}
	arrives(x, from, to, d)
}

func withoutPayload(x *trial, from, to *Endpoint) {
	d := x.datagram(from, to, 0)
	d.payload = nil
	in := x.inbox(to)
	in.accepted = func(p *transport.Packet) bool {
		return len(p.Payload()) == 0 && p.Protocol() == d.protocol && p.Src() == d.src
	}
	x.send(from, d.bytes())
	in.want(1)
	x.compare(in.packets[0], d, from, to)
}

// overwriting fills each packet with garbage while it is delivered, which must
// not reach the packets after it.
func overwriting(x *trial) {
	in := x.inbox(&x.a)
	in.during = func(p *transport.Packet) {
		for i := range p.Data {
			p.Data[i] = 0xdb
		}
	}
	const rounds, burst = 8, 4
	var want [][]byte
	for range rounds {
		packets := x.packets(&x.b, &x.a, burst)
		want = append(want, packets...)
		x.send(&x.b, packets...)
		pause() // so that one Recv has several to deliver
		in.want(len(want))
	}
	in.only(1, rounds*burst)
	for i, p := range in.packets {
		if !bytes.HasSuffix(want[i], p.Payload()) {
			x.errorf("payload of packet %d is %x, want the end of %x", i+1, p.Payload(), want[i])
		}
	}
}

// manyInOrder keeps a window of packets under way, so that every one arrives.
func manyInOrder(x *trial, from, to *Endpoint) {
	in := x.inbox(to)
	const total = 1000
	for sent := 0; sent < total; {
		n := min(x.cfg.Window, total-sent)
		x.send(from, x.packets(from, to, n)...)
		sent += n
		in.want(sent)
	}
	in.settle()
	in.only(1, total)
}
