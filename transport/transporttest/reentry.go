// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import "protean/transport"

func reentryTests() []subtest {
	return []subtest{
		{"packets can be sent from within Deliver", unlessReceiving, sendInDeliver},
		{"Bind, Unbind, Wake and Interfaces may be called from within Deliver", unlessReceiving, bindInDeliver},
		{"Unbind from within Deliver ends delivery with that Recv", unlessReceiving, unbindInDeliver},
	}
}

func sendInDeliver(x *trial) {
	in, peer := x.inbox(&x.a), x.inbox(&x.b)
	in.during = func(*transport.Packet) { x.send(&x.a, x.packets(&x.a, &x.b, 2)...) }
	for i := 1; i <= 5; i++ {
		x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
		in.want(i)
		peer.want(2 * i)
	}
}

func bindInDeliver(x *trial) {
	in := x.inbox(&x.a)
	in.during = func(*transport.Packet) {
		t := x.a.Transport
		x.noerr(t.Bind(proto2), "Bind in Deliver")
		x.noerr(t.Bind(proto1), "Bind in Deliver")
		x.noerr(t.Unbind(proto2), "Unbind in Deliver")
		t.Queues()[0].Wake()
		t.Interfaces()
		t.Caps()
	}
	for i := range 4 {
		x.send(&x.b, x.packets(&x.b, &x.a, 2)...)
		in.want(2 * (i + 1))
	}
	in.only(1, 8)
}

func unbindInDeliver(x *trial) {
	in := x.inbox(&x.a)
	in.during = func(*transport.Packet) {
		x.noerr(x.a.Transport.Unbind(proto1), "Unbind in Deliver")
	}
	x.send(&x.b, x.packets(&x.b, &x.a, 4)...)
	in.until(func() bool { return len(in.packets) > 0 }, "waiting for the first of 4 packets")
	in.during = nil
	n := len(in.packets) // those of that Recv may have come along
	x.send(&x.b, x.packets(&x.b, &x.a, 4)...)
	in.settle()
	if len(in.packets) != n {
		x.errorf("%d packets were delivered after an Unbind in Deliver", len(in.packets)-n)
	}
}
