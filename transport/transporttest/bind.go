// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"errors"
	"sync/atomic"
	"time"

	"protean/transport"
)

func bindTests() []subtest {
	return []subtest{
		{"nothing is delivered before Bind", unlessReceiving, beforeBind},
		{"only the bound protocol is delivered", unlessReceiving, otherProtocol},
		{"several protocols are delivered side by side", unlessReceiving, twoProtocols},
		{"Bind is idempotent", unlessReceiving, bindTwice},
		{"Bind takes effect while a queue waits", unlessReceiving, bindWhileWaiting},
		{"Unbind does not wait for the end of Wait", unlessReceiving, unbindWhileWaiting},
		{"nothing is delivered after Unbind", unlessReceiving, afterUnbind},
		{"Unbind ends a Recv in progress", unlessReceiving, unbindInTraffic},
		{"a protocol can be bound again", unlessReceiving, rebind},
		{"AnyProtocol brings every protocol", unlessForeign, anyProtocol},
	}
}

func unlessForeign(c *transport.Caps) string {
	if !c.Foreign {
		return "Caps.Foreign: the transport does not take every protocol"
	}
	return unlessReceiving(c)
}

func beforeBind(x *trial) {
	in := x.unbound(&x.a)
	x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
	in.settle()
	in.want(0)
}

// ofProtocol returns a packet of the trial for another protocol than proto1.
func (x *trial) ofProtocol(from, to *Endpoint, protocol uint8) []byte {
	d := x.datagram(from, to, 50)
	d.protocol = protocol
	return d.bytes()
}

func otherProtocol(x *trial) {
	in := x.inbox(&x.a, proto2)
	x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
	x.send(&x.b, x.ofProtocol(&x.b, &x.a, proto2))
	in.want(1)
	in.settle()
	in.only(4, 4)
}

func twoProtocols(x *trial) {
	in := x.inbox(&x.a, proto1, proto2)
	for i := range 4 {
		x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
		in.want(2*i + 1) // several sockets may not keep the order of what is under way
		x.send(&x.b, x.ofProtocol(&x.b, &x.a, proto2))
		in.want(2*i + 2)
	}
	in.only(1, 8)
}

func bindTwice(x *trial) {
	in := x.inbox(&x.a, proto1, proto1, proto1)
	x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
	in.want(3)
	in.settle()
	in.only(1, 3)
	x.noerr(x.a.Transport.Unbind(proto1), "Unbind")
	x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
	in.settle()
	in.only(1, 3)
}

func bindWhileWaiting(x *trial) {
	in := x.unbound(&x.a)
	done := x.helper(func() {
		for len(in.packets) == 0 {
			for _, q := range in.queues {
				until := time.Time{} // with one queue nothing else may be needed
				if len(in.queues) > 1 {
					until = time.Now().Add(time.Millisecond)
				}
				x.noerr(q.Wait(until), "Wait")
				in.recv(q, 64)
			}
		}
	})
	time.Sleep(settleTime)
	x.noerr(x.a.Transport.Bind(proto1), "Bind")
	x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
	x.await(done, "waiting for a packet of a protocol bound during Wait")
	in.only(1, 1)
}

func unbindWhileWaiting(x *trial) {
	in := x.inbox(&x.a)
	q := in.landing()
	end := x.keepWaiting(q)
	x.step("Unbind and Bind during Wait")
	x.noerr(x.a.Transport.Unbind(proto1), "Unbind during Wait")
	x.noerr(x.a.Transport.Bind(proto1), "Bind during Wait")
	end()
	x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
	in.waitFor(q, 64, never)
	in.only(2, 2)
}

// afterUnbind has packets wait in the transport while their protocol is
// unbound.
func afterUnbind(x *trial) {
	in := x.inbox(&x.a)
	x.send(&x.b, x.packets(&x.b, &x.a, 8)...)
	x.step("receiving the first of 8 packets")
	for ; len(in.packets) == 0; pause() {
		for _, q := range in.queues {
			in.recv(q, 1)
		}
	}
	time.Sleep(settleTime)
	in.forget()
	x.step("Unbind")
	x.noerr(x.a.Transport.Unbind(proto1), "Unbind")
	in.settle()
	in.want(0)
	x.send(&x.b, x.packets(&x.b, &x.a, 3)...)
	in.settle()
	in.want(0)
}

// unbindInTraffic unbinds while packets are delivered by another goroutine.
// Unbind does not wait, so that one delivery per queue may be about to begin.
func unbindInTraffic(x *trial) {
	const rounds = 20
	in := x.unbound(&x.a)
	var unbound, quit atomic.Bool
	var entered, late atomic.Int64
	in.during = func(*transport.Packet) {
		if unbound.Load() {
			late.Add(1)
		}
		entered.Add(1)
		time.Sleep(100 * time.Microsecond) // time for Unbind to return while others of the same Recv wait
	}
	received := x.helper(func() {
		for !quit.Load() {
			if in.poll() == 0 {
				pause()
			}
		}
	})
	for range rounds {
		before := entered.Load()
		unbound.Store(false)
		late.Store(0)
		x.noerr(x.a.Transport.Bind(proto1), "Bind")
		x.send(&x.b, x.packets(&x.b, &x.a, 8)...)
		x.step("waiting for the first of 8 packets")
		for entered.Load() == before {
			time.Sleep(10 * time.Microsecond)
		}
		x.step("Unbind during delivery")
		x.noerr(x.a.Transport.Unbind(proto1), "Unbind")
		unbound.Store(true)
		time.Sleep(2 * time.Millisecond)
		if n := late.Load(); n > int64(len(in.queues)) {
			x.errorf("%d deliveries began after Unbind had returned; of each queue one may have been under way", n)
		}
	}
	quit.Store(true)
	x.await(received, "waiting for the receiver")
}

func rebind(x *trial) {
	in := x.inbox(&x.a)
	for range 3 {
		in.forget()
		first := x.seq + 1
		x.send(&x.b, x.packets(&x.b, &x.a, 2)...)
		in.want(2)
		in.only(first, first+1)
		x.noerr(x.a.Transport.Unbind(proto1), "Unbind")
		x.noerr(x.a.Transport.Bind(proto1), "Bind after Unbind")
	}
}

func anyProtocol(x *trial) {
	in := x.inbox(&x.a, transport.AnyProtocol)
	x.send(&x.b, x.ofProtocol(&x.b, &x.a, proto1))
	in.want(1)
	x.send(&x.b, x.ofProtocol(&x.b, &x.a, proto2))
	in.want(2)
	in.settle()
	in.only(1, 2)
	x.noerr(x.a.Transport.Unbind(transport.AnyProtocol), "Unbind(AnyProtocol)")
	x.send(&x.b, x.packets(&x.b, &x.a, 1)...)
	in.settle()
	in.only(1, 2)
}

// bindRange tests the numbers that Bind refuses.
func bindRange(x *trial) {
	refused := []int{0, -2, 256, 1 << 20}
	if x.caps.V6 {
		refused = append(refused, 43, 44, 60)
	}
	for _, n := range refused {
		err := x.a.Transport.Bind(n)
		var pe *transport.ProtocolError
		switch {
		case !errors.As(err, &pe):
			x.errorf("Bind(%d) returned %v, want a *ProtocolError", n, err)
		case pe.Protocol != n:
			x.errorf("Bind(%d) returned an error about protocol %d", n, pe.Protocol)
		}
	}
}

// bindAnyUnsupported tests AnyProtocol where it cannot be had.
func bindAnyUnsupported(x *trial) {
	err := x.a.Transport.Bind(transport.AnyProtocol)
	var ue *transport.UnsupportedError
	if !errors.As(err, &ue) || !errors.Is(err, errors.ErrUnsupported) {
		x.fatalf("Bind(AnyProtocol) returned %v, want an *UnsupportedError", err)
	}
	if ue.Transport != x.caps.Name {
		x.errorf("the error is about transport %q, Caps.Name is %q", ue.Transport, x.caps.Name)
	}
}
