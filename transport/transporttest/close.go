// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"protean/transport"
)

func closeTests() []subtest {
	return []subtest{
		{"Close ends the calls of all goroutines", nil, closeInTraffic},
		{"calls after Close return net.ErrClosed", nil, callsAfterClose},
		{"Close is idempotent and may be called concurrently", nil, closeConcurrently},
		{"Close waits for the delivery in progress", unlessReceiving, closeDuringDeliver},
		{"nothing is delivered after Close", unlessReceiving, nothingAfterClose},
		{"Close sends what was committed", nil, closeSends},
		{"slots may be held during Close", nil, closeWithSlots},
	}
}

// closeInTraffic closes under goroutines that receive, one for each queue, one
// that sends and one that binds.
func closeInTraffic(x *trial) {
	t := x.a.Transport
	closed := func(err error, call string) bool {
		if err != nil && !errors.Is(err, net.ErrClosed) {
			x.fatalf("%s during Close: %v", call, err)
		}
		return err != nil
	}
	if !x.caps.SendOnly {
		x.noerr(t.Bind(proto1), "Bind")
	}
	packet := x.packets(&x.a, &x.b, 1)[0]
	helpers := map[string]<-chan struct{}{
		"sending": x.helper(func() {
			q := x.a.queue()
			var b transport.Batch
			for ; ; time.Sleep(100 * time.Microsecond) {
				err := q.Reserve(&b, 1)
				if errors.Is(err, transport.ErrNoSlots) {
					continue
				}
				if closed(err, "Reserve") {
					return
				}
				x.fill(&b.Slots[0], packet)
				_, err = q.Commit(&b, len(b.Slots))
				if !errors.Is(err, transport.ErrNoSlots) && closed(err, "Commit") {
					return
				}
			}
		}),
		"binding": x.helper(func() {
			if x.caps.SendOnly {
				return
			}
			for ; ; time.Sleep(100 * time.Microsecond) {
				if closed(t.Bind(proto2), "Bind") || closed(t.Unbind(proto2), "Unbind") {
					return
				}
			}
		}),
	}
	for i, q := range t.Queues() {
		in := x.unbound(&x.a)
		helpers[fmt.Sprintf("receiving from queue %d", i)] = x.helper(func() {
			for {
				if !x.caps.SendOnly {
					if _, err := q.Recv(in, 64); closed(err, "Recv") {
						return
					}
				}
				if closed(q.Wait(time.Time{}), "Wait") {
					return
				}
			}
		})
	}
	if !x.caps.SendOnly {
		for range 3 {
			x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
			pause()
		}
	}
	time.Sleep(settleTime)
	x.step("Close while goroutines receive, send and bind")
	x.noerr(t.Close(), "Close")
	for name, done := range helpers {
		x.await(done, "the goroutine that was %s when Close was called", name)
	}
}

func callsAfterClose(x *trial) {
	t, queues := x.a.Transport, x.a.Transport.Queues()
	q := queues[0]
	in := x.unbound(&x.a)
	if !x.caps.SendOnly {
		x.noerr(t.Bind(proto1), "Bind")
		x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
		time.Sleep(settleTime) // there is something to receive
	}
	q.Wake()
	x.step("Close")
	x.noerr(t.Close(), "Close")

	want := func(err error, call string) {
		if !errors.Is(err, net.ErrClosed) {
			x.errorf("%s after Close returned %v, want net.ErrClosed", call, err)
		}
	}
	x.step("calls after Close")
	for _, q := range queues {
		for range 2 {
			want(q.Wait(time.Time{}), "Wait")
			want(q.Wait(time.Unix(1, 0)), "Wait with a past time")
			q.Wake()
			var b transport.Batch
			want(q.Reserve(&b, 1), "Reserve")
			if len(b.Slots) != 0 {
				x.errorf("Reserve after Close appended %d slots", len(b.Slots))
			}
			if n, err := q.Recv(in, 64); n != 0 || !errors.Is(err, net.ErrClosed) && !x.caps.SendOnly {
				x.errorf("Recv after Close returned %d, %v, want net.ErrClosed", n, err)
			}
		}
	}
	if !x.caps.SendOnly {
		want(t.Bind(proto2), "Bind")
		want(t.Bind(proto1), "Bind of a protocol that was bound")
	}
	if err := t.Unbind(proto1); err != nil {
		want(err, "Unbind")
	}
	t.Interfaces()
	if t.Caps() != x.caps {
		x.errorf("Close changed Caps")
	}
}

func closeConcurrently(x *trial) {
	t := x.a.Transport
	var all []<-chan struct{}
	for range 8 {
		all = append(all, x.helper(func() {
			x.noerr(t.Close(), "concurrent Close")
			if x.caps.SendOnly {
				return
			}
			if err := t.Bind(proto1); !errors.Is(err, net.ErrClosed) {
				x.errorf("Bind after Close returned %v, want net.ErrClosed", err)
			}
		}))
	}
	for _, done := range all {
		x.await(done, "eight goroutines in Close")
	}
	x.step("Close again")
	x.noerr(t.Close(), "Close again")
}

func closeDuringDeliver(x *trial) {
	in := x.inbox(&x.a)
	q := in.landing()
	var left atomic.Bool
	entered := make(chan struct{})
	want := x.datagram(&x.b, &x.a, 200)
	in.during = func(p *transport.Packet) {
		close(entered)
		time.Sleep(settleTime)
		if !bytes.Equal(p.Payload(), want.payload) {
			x.errorf("Close changed a packet that is being delivered")
		}
		left.Store(true)
	}
	done := x.helper(func() {
		for !left.Load() {
			if _, err := q.Recv(in, 64); err != nil && !errors.Is(err, net.ErrClosed) {
				x.fatalf("Recv: %v", err)
			}
		}
	})
	x.send(&x.b, want.bytes())
	x.await(entered, "waiting for delivery to begin")
	x.step("Close during delivery")
	x.noerr(x.a.Transport.Close(), "Close")
	if !left.Load() {
		x.errorf("Close returned during a delivery")
	}
	x.await(done, "Recv after Close")
}

func nothingAfterClose(x *trial) {
	in := x.inbox(&x.a)
	q := in.landing()
	x.send(&x.b, x.packets(&x.b, &x.a, 8)...)
	time.Sleep(settleTime)
	in.recv(q, 1)
	x.step("Close with packets waiting")
	x.noerr(x.a.Transport.Close(), "Close")
	calls := in.calls
	for range 10 {
		q.Recv(in, 64)
		pause()
	}
	if in.calls != calls {
		x.errorf("%d packets were delivered after Close", in.calls-calls)
	}
}

func closeSends(x *trial) {
	in := x.inbox(&x.b)
	n := min(x.cfg.Window, 16)
	x.send(&x.a, x.packets(&x.a, &x.b, n)...)
	x.step("Close after Commit")
	x.noerr(x.a.Transport.Close(), "Close")
	if r, ok := transport.As[transport.StatsReader](x.a.Transport); ok {
		s := r.Stats()
		if s.Committed != uint64(n) || s.Sent+s.Unsent != s.Committed {
			x.errorf("%d packets were committed; after Close %d are counted as committed, %d as sent, %d as unsent",
				n, s.Committed, s.Sent, s.Unsent)
		}
		n = int(s.Sent)
	}
	in.want(n)
	in.settle()
	in.only(1, uint32(n))
}

func closeWithSlots(x *trial) {
	q := x.a.queue()
	var b transport.Batch
	x.reserve(q, &b, 1)
	x.fill(&b.Slots[0], x.packets(&x.a, &x.b, 1)[0])
	x.step("Close with a slot reserved")
	x.noerr(x.a.Transport.Close(), "Close")
	if sent, err := q.Commit(&b, 1); sent != 0 || !errors.Is(err, net.ErrClosed) {
		x.errorf("Commit after Close returned %d, %v, want net.ErrClosed", sent, err)
	}
}
