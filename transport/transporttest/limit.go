// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import "time"

func limitTests() []subtest {
	return []subtest{
		{"Recv keeps what is above its limit", unlessReceiving, limitOne},
		{"Recv with a limit below one delivers no packet", unlessReceiving, limitNone},
		{"Recv with a large limit returns when nothing is waiting", unlessReceiving, limitLarge},
	}
}

func limitOne(x *trial) {
	in := x.inbox(&x.a)
	const n = 7
	x.send(&x.b, x.packets(&x.b, &x.a, n)...)
	x.step("receiving %d packets one by one", n)
	for len(in.packets) < n {
		for _, q := range in.queues {
			if in.recv(q, 1) == 0 {
				pause()
			}
		}
	}
	in.settle()
	in.only(1, n)
}

func limitNone(x *trial) {
	in := x.inbox(&x.a)
	x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
	x.step("Recv with limits 0 and -1")
	for end := time.Now().Add(settleTime); time.Now().Before(end); pause() {
		for _, q := range in.queues {
			in.recv(q, 0)
			in.recv(q, -1)
		}
	}
	in.want(3)
	in.only(1, 3)
}

func limitLarge(x *trial) {
	in := x.inbox(&x.a)
	x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
	x.step("Recv with a limit of a million")
	for len(in.packets) < 3 {
		for _, q := range in.queues {
			if in.recv(q, 1e6) == 0 {
				pause()
			}
		}
	}
	in.only(1, 3)
}
