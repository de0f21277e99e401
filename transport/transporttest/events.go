// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"time"

	"protean/transport"
)

func eventTests() []subtest {
	return []subtest{
		{"a transmit stamp comes before the reply to its packet", unlessStamps, stampBeforeReply},
		{"a transmit stamp comes only when asked for", unlessStamps, stampOnlyAsked},
	}
}

func unlessStamps(c *transport.Caps) string {
	if c.TxTime == transport.TimeNone {
		return "Caps.TxTime: there are no transmit stamps"
	}
	return unlessReceiving(c)
}

func stampBeforeReply(x *trial) {
	mine, peer := x.inbox(&x.a), x.inbox(&x.b)
	q := x.a.queue()
	for i := range 8 {
		cookie := uint64(i+1) << 33
		var b transport.Batch
		x.reserve(q, &b, 1)
		x.fill(&b.Slots[0], x.packets(&x.a, &x.b, 1)[0])
		b.Slots[0].Stamp, b.Slots[0].Cookie = true, cookie
		x.commit(q, &b, 1)
		peer.want(i + 1)
		x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
		if i%2 == 0 { // both may be waiting when Recv is called
			time.Sleep(settleTime)
		}
		mine.want(i + 1)
		mine.until(func() bool { return len(mine.sent) > i }, "waiting for the stamp of packet %d", i)
		x.compareStamp(&mine.sent[i], cookie)
		if len(mine.queues) == 1 && mine.sent[i].after > i {
			x.errorf("the stamp of packet %d came after its reply", i)
		}
	}
	mine.settle()
	if len(mine.sent) != 8 {
		x.errorf("%d stamps came for 8 packets", len(mine.sent))
	}
}

func (x *trial) compareStamp(s *sentEvent, cookie uint64) {
	if s.Cookie != cookie || s.Protocol != proto1 || s.Source != x.caps.TxTime {
		x.errorf("stamp has cookie %#x, protocol %d, source %d; want %#x, %d, %d",
			s.Cookie, s.Protocol, s.Source, cookie, proto1, x.caps.TxTime)
	}
	if s.Source != transport.TimeHardware {
		x.plausible(time.Unix(0, s.Time), &x.a, "transmit")
	}
}

func stampOnlyAsked(x *trial) {
	mine, peer := x.inbox(&x.a), x.inbox(&x.b)
	q := x.a.queue()
	var b transport.Batch
	x.reserve(q, &b, 1)
	x.fill(&b.Slots[0], x.packets(&x.a, &x.b, 1)[0])
	b.Slots[0].Cookie = 7
	x.commit(q, &b, 1)
	peer.want(1)
	mine.settle()
	if len(mine.sent) != 0 {
		x.errorf("a stamp came that nobody asked for, with cookie %d", mine.sent[0].Cookie)
	}
}
