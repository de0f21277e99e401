// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"sync/atomic"
	"time"

	"protean/transport"
)

func waitTests() []subtest {
	return []subtest{
		{"Wait with a past time does not hide ready data", unlessReceiving, waitPast},
		{"Wait with a future time returns for data that is ready", unlessReceiving, waitReady},
		{"Wait returns for packets that a limited Recv left", unlessReceiving, waitLeft},
		{"Wait without a time returns for a packet", unlessReceiving, waitForEver},
		{"Wait returns for a packet after it timed out", unlessReceiving, waitAfterTimeout},
		{"packets are sent while another goroutine waits", nil, sendWhileWaiting},
	}
}

// spurious is how many early returns of one Wait are put up with. Wait may
// return early, but a transport that always does makes its user spin.
const spurious = 64

// landing returns the queue of in at which packets from the peer arrive, and
// narrows in to it.
func (in *inbox) landing() transport.Queue {
	x := in.x
	x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
	x.step("waiting for the packet that shows which queue receives")
	for {
		for _, q := range in.queues {
			if in.recv(q, 64); len(in.packets) > 0 {
				in.queues = []transport.Queue{q}
				in.forget()
				return q
			}
		}
		pause()
	}
}

func waitPast(x *trial) {
	in := x.inbox(&x.a)
	q := in.landing()
	x.step("Wait with a past time and nothing ready")
	for range 10 {
		x.noerr(q.Wait(time.Now().Add(-time.Second)), "Wait with a past time")
		in.recv(q, 64)
	}
	x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
	x.step("Wait with a past time until the packet is received")
	for len(in.packets) == 0 {
		x.noerr(q.Wait(time.Unix(1, 0)), "Wait with a past time")
		in.recv(q, 64)
	}
	in.only(2, 2)
}

func waitReady(x *trial) {
	in := x.inbox(&x.a)
	q := in.landing()
	for i := range uint32(3) {
		x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
		time.Sleep(settleTime)
		in.waitFor(q, 64, func() time.Time { return time.Now().Add(time.Hour) })
		in.only(2+i, 2+i)
		in.forget()
	}
}

// waitFor waits and receives until a packet of the trial has been delivered.
func (in *inbox) waitFor(q transport.Queue, limit int, until func() time.Time) {
	in.x.step("waiting for a packet")
	before, early := len(in.packets), 0
	for len(in.packets) == before {
		in.x.noerr(q.Wait(until()), "Wait")
		if in.recv(q, limit) > 0 {
			continue
		}
		if early++; early > spurious {
			in.x.fatalf("Wait returned %d times for nothing", early)
		}
	}
}

func never() time.Time { return time.Time{} }

func waitLeft(x *trial) {
	in := x.inbox(&x.a)
	q := in.landing()
	x.send(&x.b, x.packets(&x.b, &x.a, 4)...)
	time.Sleep(settleTime)
	for range 4 {
		in.waitFor(q, 1, never)
	}
	in.only(2, 5)
}

func waitForEver(x *trial) {
	in := x.inbox(&x.a)
	q := in.landing()
	for i := range uint32(3) {
		done := x.helper(func() { in.waitFor(q, 64, never) })
		time.Sleep(settleTime)
		x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
		x.await(done, "a Wait without a time, with a packet under way")
		in.only(2+i, 2+i)
		in.forget()
	}
}

func waitAfterTimeout(x *trial) {
	in := x.inbox(&x.a)
	q := in.landing()
	for i := range uint32(3) {
		x.idle(q, in, 5*time.Millisecond)
		x.noerr(q.Wait(time.Now().Add(-time.Hour)), "Wait with a past time")
		done := x.helper(func() { in.waitFor(q, 64, never) })
		time.Sleep(settleTime)
		x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
		x.await(done, "a Wait without a time after others that timed out")
		in.only(2+i, 2+i)
		in.forget()
	}
}

// idle waits until d has passed, and fails if Wait does not wait.
func (x *trial) idle(q transport.Queue, in *inbox, d time.Duration) {
	x.step("Wait for %v with nothing to come", d)
	until := time.Now().Add(d)
	for early := 0; time.Now().Before(until); early++ {
		if early > spurious {
			x.fatalf("Wait until %v from its start returned %d times for nothing", d, early)
		}
		x.noerr(q.Wait(until), "Wait")
		if in != nil {
			for in.recv(q, 64) > 0 {
				early = 0
			}
		}
	}
}

func sendWhileWaiting(x *trial) {
	in := x.inbox(&x.b)
	q := x.a.queue()
	end := x.keepWaiting(q)
	for i := range 10 {
		x.send(&x.a, x.packets(&x.a, &x.b, 2)...)
		in.want(2 * (i + 1))
	}
	end()
	in.only(1, 20)
}

// keepWaiting has another goroutine in Wait until end is called.
func (x *trial) keepWaiting(q transport.Queue) (end func()) {
	var over atomic.Bool
	done := x.helper(func() {
		for !over.Load() { // Wait may return early
			x.noerr(q.Wait(time.Time{}), "Wait")
		}
	})
	time.Sleep(settleTime)
	return func() {
		over.Store(true)
		x.step("Wake")
		q.Wake()
		x.await(done, "Wait after Wake")
	}
}
