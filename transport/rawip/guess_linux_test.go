// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/netlab"
)

// TestPacketsThatComeAndComeHideNoOthers has a packet there at each Wait, so that
// it is not asked for, and then one for another socket as well. In the end the
// socket is closed with a packet that was received, and not delivered.
func TestPacketsThatComeAndComeHideNoOthers(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta := open(t, a, Config{})
	tb := open(t, b, Config{})
	bind(t, tb, 253, 254)
	q := tb.Queues()[0]
	var c collector
	h := between(a, b, false)
	const rounds, other = 400, 200
	guessed, came := 0, 0
	var want uint32
	for i := range uint32(rounds) {
		h.protocol = 253
		send(t, ta, packet(h, binary.BigEndian.AppendUint32(nil, i)))
		if i == other {
			h.protocol = 254
			send(t, ta, packet(h, []byte("another")))
		}
		before := len(c.packets)
		for end := time.Now().Add(10 * time.Second); len(c.packets) == before; {
			if err := q.Wait(end); err != nil {
				t.Fatal(err)
			}
			if _, err := q.Recv(&c, 64); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(end) {
				t.Fatalf("packet %d does not come", i)
			}
		}
		if tb.q.rx.unasked > 0 {
			guessed++
		}
		for _, p := range c.packets[before:] {
			if p.Protocol() == 254 {
				came = int(i)
			} else if got := binary.BigEndian.Uint32(p.Payload()); got != want {
				t.Fatalf("packet %d came in place of %d", got, want)
			} else {
				want++
			}
		}
	}
	if guessed == 0 {
		t.Error("the kernel was asked each time")
	}
	if came < other || came > other+4*pollEvery {
		t.Errorf("the other packet came in round %d, and was sent in %d", came, other)
	}

	h.protocol = 253
	before := tb.Stats()
	for end := time.Now().Add(10 * time.Second); tb.q.rx.next == tb.q.rx.have; {
		send(t, ta, packet(h, []byte("too late")))
		if tb.q.rx.again() {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing was received without having asked for it")
		}
		if err := q.Wait(end); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Recv(&c, 64); err != nil {
			t.Fatal(err)
		}
	}
	if err := tb.Unbind(253); err != nil {
		t.Fatal(err)
	}
	n := len(c.packets)
	if _, err := q.Recv(&c, 64); err != nil || len(c.packets) != n {
		t.Errorf("%d packets of a protocol that is not bound any more, %v", len(c.packets)-n, err)
	}
	if s := tb.Stats(); s.Dropped[transport.Closed] == before.Dropped[transport.Closed] {
		t.Errorf("the packet was not counted: %v", s.Dropped)
	}
}
