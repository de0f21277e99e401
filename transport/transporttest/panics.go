// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"

	"protean/transport"
)

func panicTests() []subtest {
	return []subtest{
		{"a panic in Deliver passes through and loses or repeats no packet", unlessReceiving, panicInDeliver},
		{"a transport works after a panic in Deliver", unlessReceiving, workAfterPanic},
	}
}

// panicInDeliver panics for every second packet, and for three in a row.
func panicInDeliver(x *trial) {
	in := x.inbox(&x.a)
	var value *int             // of the panic under way
	var kept *transport.Packet // being delivered when Deliver panicked
	in.during = func(p *transport.Packet) {
		if n := len(in.packets); n%2 == 0 || n%8 == 1 {
			value, kept = new(int), p
			panic(value)
		}
	}
	const n = 24
	x.send(&x.b, x.packets(&x.b, &x.a, n)...)
	x.step("receiving %d packets, with panics", n)
	for len(in.packets) < n {
		for _, q := range in.queues {
			value = nil
			got, ok := in.recvPanicking(q)
			if p, is := got.(*int); value != nil && (!is || p != value) {
				x.fatalf("Deliver panicked with %p, Recv with %v", value, got)
			} else if value == nil && got != nil {
				panic(got)
			}
			if value != nil && !bytes.Equal(kept.Data, in.packets[len(in.packets)-1].Data) {
				x.fatalf("after a panic in Deliver the packet is % x, want it valid until the next Recv", kept.Data)
			}
			if ok && len(in.packets) < n {
				pause()
			}
		}
	}
	in.during = nil
	in.settle()
	in.only(1, n)
}

// recvPanicking calls Recv and returns what it panicked with.
func (in *inbox) recvPanicking(q transport.Queue) (value any, ok bool) {
	defer func() { value = recover() }()
	in.recv(q, 64)
	return nil, true
}

// workAfterPanic finds locks that a panic left held, packets that wait without
// being announced, and counters that missed it.
func workAfterPanic(x *trial) {
	in := x.inbox(&x.a)
	q := in.landing()
	in.during = func(*transport.Packet) { panic("in Deliver") }
	x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
	x.step("receiving until Deliver panics")
	for len(in.packets) == 0 {
		if _, ok := in.recvPanicking(q); ok {
			pause()
		}
	}
	in.during = nil
	for len(in.packets) < 3 {
		in.waitFor(q, 1, never)
	}
	in.only(2, 4)
	x.step("calls after a panic in Deliver")
	x.noerr(x.a.Transport.Bind(proto2), "Bind")
	x.noerr(x.a.Transport.Unbind(proto1), "Unbind")
	x.send(&x.b, x.ofProtocol(&x.b, &x.a, proto2))
	in.queues = x.a.Transport.Queues() // another protocol may come to another queue
	in.want(len(in.packets) + 1)
	x.balance(&x.a, in)
}
