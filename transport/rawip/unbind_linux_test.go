// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"testing"
	"time"

	"protean/transport"
	"protean/transport/netlab"
)

// sinkFunc is a sink that ignores events.
type sinkFunc func(*transport.Packet)

func (f sinkFunc) Deliver(p *transport.Packet) { f(p) }
func (f sinkFunc) Event(*transport.Event)      {}

func TestUnbindDuringADeliveryOnAnotherGoroutineEndsWhatFollows(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx, rx := open(t, a, Config{}), open(t, b, Config{})
	bind(t, rx, 253)
	p := packet(between(a, b, false), nil)
	send(t, tx, p, p, p)

	inside, unbound := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(unbound)
		<-inside
		if err := rx.Unbind(253); err != nil {
			t.Error(err)
		}
	}()
	delivered := 0
	q := rx.Queues()[0]
	for delivered == 0 {
		if err := q.Wait(time.Time{}); err != nil {
			t.Fatal(err)
		}
		_, err := q.Recv(sinkFunc(func(*transport.Packet) {
			delivered++
			close(inside)
			<-unbound // which does not wait for this
		}), 64)
		if err != nil {
			t.Fatal(err)
		}
	}
	if delivered != 1 {
		t.Errorf("%d packets delivered", delivered)
	}
	st := rx.Stats()
	if st.Received != 1+st.Dropped[transport.Closed] || st.Delivered != 1 {
		t.Errorf("received %d, delivered %d, dropped %v", st.Received, st.Delivered, st.Dropped)
	}
}

func TestUnbindWithinTheDeliveryDoesNotWait(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx, rx := open(t, a, Config{}), open(t, b, Config{})
	before := files(t)
	bind(t, rx, 253)
	p := packet(between(a, b, false), nil)
	send(t, tx, p, p, p)
	n := 0
	q := rx.Queues()[0]
	for n == 0 {
		if err := q.Wait(time.Time{}); err != nil {
			t.Fatal(err)
		}
		_, err := q.Recv(sinkFunc(func(*transport.Packet) {
			n++
			if err := rx.Unbind(253); err != nil {
				t.Error(err)
			}
		}), 64)
		if err != nil {
			t.Fatal(err)
		}
	}
	if n != 1 {
		t.Errorf("%d packets delivered", n)
	}
	if after := files(t); after != before {
		t.Errorf("%d descriptors, %d before Bind", after, before)
	}
}
