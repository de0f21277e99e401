// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"testing"
	"time"

	"protean/ring/sysmon"
	"protean/transport"
	"protean/transport/internal/pace"
	"protean/transport/netlab"
)

// TestPacketsThatComeAndComeHideNoOthers has a packet there at each Wait, so that
// it is not asked for, and then one for another socket as well.
func TestPacketsThatComeAndComeHideNoOthers(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta := open(t, a, Config{V4: true, V6: true})
	tb := open(t, b, Config{Ring: None}, 253)
	q := tb.Queues()[0]
	c := collector{from: tb}
	for _, v6 := range []bool{false, true} { // so the neighbour is known
		mustSend(t, ta, between(a, b, v6, []byte("first")))
		receive(t, tb, 1)
	}
	const rounds, other = 400, 200
	guessed, late, came := 0, 0, false
	var want uint32
	var since time.Duration // the first Wait after the other packet was sent
	for i := uint32(0); i < rounds || !came; i++ {
		mustSend(t, ta, between(a, b, false, binary.BigEndian.AppendUint32(nil, i)))
		if i == other {
			mustSend(t, ta, between(a, b, true, []byte("another")))
		}
		tb.queues[0].pacer = pace.Pacer{} // or it naps, and asks afterwards
		if after := sysmon.Now() - since; !came && i > other && after > pace.GuessFor {
			// Now it is asked what there is, which may still be on its way.
			if late++; late > 64 && after > 10*pace.GuessFor {
				t.Fatalf("the other packet did not come in round %d, and was sent in %d, %v before", i, other, after)
			}
		}
		before := len(c.packets)
		for end := time.Now().Add(10 * time.Second); len(c.packets) == before; {
			if err := q.Wait(end); err != nil {
				t.Fatal(err)
			}
			if tb.queues[0].sources[0].next < tb.queues[0].sources[0].have {
				guessed++
			}
			if _, err := q.Recv(&c, 64); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(end) {
				t.Fatalf("packet %d does not come", i)
			}
		}
		if i == other {
			since = sysmon.Now()
		}
		for _, p := range c.packets[before:] {
			if p.Is6() {
				came = true
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
}

// sink hands packets to a function.
type sink func(p *transport.Packet)

func (f sink) Deliver(p *transport.Packet) { f(p) }
func (f sink) Event(*transport.Event)      {}

// A packet on which its handler panics stays as it is until the next Recv, and a
// source that has more than a batch does not keep others from being asked.
func TestWhatIsReceivedWithoutAskingIsNotTooMuch(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{}), open(t, b, Config{Ring: None}, 253)
	mustSend(t, ta, between(a, b, false, []byte("first")))
	receive(t, tb, 1)
	q := tb.queues[0]
	recv := func(s sink) {
		t.Helper()
		if _, err := q.Recv(s, 64); err != nil {
			t.Fatal(err)
		}
	}
	drop := sink(func(*transport.Packet) {})
	waiting := func() int { return q.sources[0].have - q.sources[0].next }
	guessed := func() {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; recv(drop) {
			mustSend(t, ta, between(a, b, false, []byte("12345678")))
			if err := q.Wait(end); err != nil {
				t.Fatal(err)
			}
			if waiting() > 0 {
				return
			}
			if time.Now().After(end) {
				t.Fatal("the kernel was asked each time")
			}
		}
	}
	for range 5 {
		guessed()
		var kept []byte
		func() {
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			recv(func(p *transport.Packet) {
				kept = p.Data
				panic("a handler's")
			})
		}()
		want := string(kept)
		mustSend(t, ta, between(a, b, false, []byte("something else")))
		if err := q.Wait(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if string(kept) != want {
			t.Fatal("Wait has overwritten it")
		}
		recv(drop)
	}
	full := 0
	for range 20 {
		guessed()
		recv(drop)
		batch := len(q.sources[0].msg.Hdr)
		for range 3 * batch {
			mustSend(t, ta, between(a, b, false, []byte("12345678")))
		}
		q.rx.guess.Asked() // as if no time had passed
		if q.again(sysmon.Now()) && waiting() == batch {
			if full++; q.rx.single != nil {
				t.Fatal("the next packets are to be received without asking, too")
			}
		}
		for n := 1; n > 0; {
			n, _ = q.Recv(drop, 64)
		}
	}
	if full == 0 {
		t.Error("there never was a full batch")
	}
}
