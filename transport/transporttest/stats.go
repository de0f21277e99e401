// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"time"

	"protean/transport"
)

func statsTests() []subtest {
	return []subtest{
		{"counters of received packets add up", unlessReceiving, statsReceived},
		{"counters of sent packets add up", unlessBatch3, statsSent},
	}
}

// balance compares the counters of e's transport with what in saw. in must
// have received all that was delivered.
func (x *trial) balance(e *Endpoint, in *inbox) {
	r, ok := transport.As[transport.StatsReader](e.Transport)
	if !ok {
		return
	}
	s := r.Stats()
	if dropped := s.Dropped.Total(); s.Received != s.Delivered+dropped {
		x.errorf("%d packets were received, but %d delivered and %d dropped: %+v", s.Received, s.Delivered, dropped, s)
	}
	if s.Delivered != in.calls {
		x.errorf("%d packets are counted as delivered, Deliver was called %d times", s.Delivered, in.calls)
	}
	var malformed uint64
	for _, n := range s.Malformed {
		malformed += n
	}
	if malformed != s.Dropped[transport.Malformed] {
		x.errorf("%d packets were dropped as malformed, the reasons add up to %d", s.Dropped[transport.Malformed], malformed)
	}
}

func statsReceived(x *trial) {
	in := x.inbox(&x.a)
	x.balance(&x.a, in)
	x.send(&x.b, x.packets(&x.b, &x.a, 20)...)
	in.want(20)
	x.balance(&x.a, in)
	x.send(&x.b, x.ofProtocol(&x.b, &x.a, proto2))
	in.settle()
	x.balance(&x.a, in)
	x.send(&x.b, x.packets(&x.b, &x.a, 5)...)
	time.Sleep(settleTime)
	x.noerr(x.a.Transport.Unbind(proto1), "Unbind with packets waiting")
	x.send(&x.b, x.packets(&x.b, &x.a, 5)...)
	in.settle()
	x.balance(&x.a, in)

	r, ok := transport.As[transport.StatsReader](x.a.Transport)
	if !ok {
		return
	}
	var bytes uint64
	for _, p := range in.packets {
		bytes += uint64(p.Len)
	}
	if s := r.Stats(); s.ReceivedBytes < bytes {
		x.errorf("%d bytes are counted as received, those delivered have %d", s.ReceivedBytes, bytes)
	}
}

func statsSent(x *trial) {
	r, ok := transport.As[transport.StatsReader](x.a.Transport)
	if !ok {
		x.leftOut("the transport is no StatsReader")
		return
	}
	in := x.inbox(&x.b)
	packets := x.packets(&x.a, &x.b, 10)
	var bytes uint64
	for _, p := range packets {
		bytes += uint64(len(p))
	}
	x.send(&x.a, packets...)
	in.want(10)
	bad := x.badPackets()
	for _, p := range bad {
		in.forget()
		refused(x, p.name, [][]byte{p.data}, 0, func(error) {})
	}
	in.until(func() bool { return r.Stats().Sent >= 10 }, "waiting for 10 packets to be counted as sent")
	s := r.Stats()
	if s.Committed != 10 || s.Sent != 10 || s.Refused != uint64(len(bad)) || s.Unsent != 0 {
		x.errorf("10 packets were sent and %d refused; the counters say committed %d, sent %d, refused %d, unsent %d",
			len(bad), s.Committed, s.Sent, s.Refused, s.Unsent)
	}
	if !x.caps.BuildsHeader && s.SentBytes != bytes {
		x.errorf("%d bytes were sent, %d are counted", bytes, s.SentBytes)
	}
}
