// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

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
	guessed, late, came := 0, 0, false
	var want uint32
	var since time.Duration // the first Wait after the other packet was sent
	for i := uint32(0); i < rounds || !came; i++ {
		h.protocol = 253
		send(t, ta, packet(h, binary.BigEndian.AppendUint32(nil, i)))
		if i == other {
			h.protocol = 254
			send(t, ta, packet(h, []byte("another")))
		}
		tb.q.pacer = pace.Pacer{} // or it naps, and asks afterwards
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
			if tb.q.rx.next < tb.q.rx.have {
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
			if p.Protocol() == 254 {
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

	h.protocol = 253
	before := tb.Stats()
	for end := time.Now().Add(10 * time.Second); tb.q.rx.next == tb.q.rx.have; {
		send(t, ta, packet(h, []byte("too late")))
		if tb.q.rx.again(sysmon.Now()) {
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

// A guesser receives as a host does: Wait, then Recv, with a packet there at each
// Wait.
type guesser struct {
	t     *testing.T
	q     *queue
	sends func() // what is to be there
	got   func(p *transport.Packet)
	sent  int // events PacketSent
}

func (g *guesser) Deliver(p *transport.Packet) { g.got(p) }

func (g *guesser) Event(e *transport.Event) {
	if e.Kind == transport.PacketSent {
		g.sent++
	}
}

// guessed waits until packets are there that were received without asking which
// socket has some.
func (g *guesser) guessed() {
	g.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		g.sends()
		if err := g.q.Wait(end); err != nil {
			g.t.Fatal(err)
		}
		if g.q.rx.next < g.q.rx.have {
			return
		}
		if _, err := g.q.Recv(g, 64); err != nil {
			g.t.Fatal(err)
		}
		if time.Now().After(end) {
			g.t.Fatal("the kernel was asked each time")
		}
	}
}

func newGuesser(t *testing.T) (g *guesser, ta, tb *Transport, h header) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb = open(t, a, Config{}), open(t, b, Config{})
	bind(t, tb, 253, 254)
	h = between(a, b, false)
	h.protocol = 253
	g = &guesser{t: t, q: &tb.q, got: func(*transport.Packet) {}}
	g.sends = func() { send(t, ta, packet(h, []byte("12345678"))) }
	return g, ta, tb, h
}

// Stamps are told before what came after them, though nobody has asked for events.
func TestStampsAreToldBeforeAPacketThatNobodyAskedFor(t *testing.T) {
	g, _, tb, h := newGuesser(t)
	h.src, h.dst = h.dst, h.src
	stamped, guessed := 0, 0
	receive := func() {
		if _, err := g.q.Recv(g, 64); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		g.guessed()
		receive()
		stamped += len(sendStamped(t, tb, 7, packet(h, []byte("12345678"))))
		g.sends()
		if err := g.q.Wait(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if g.q.rx.next < g.q.rx.have {
			guessed++
		}
		g.got = func(*transport.Packet) {
			if g.sent != stamped {
				t.Errorf("%d of %d stamps were told before a packet that came after them", g.sent, stamped)
			}
		}
		receive()
		g.got = func(*transport.Packet) {}
		for end := time.Now().Add(10 * time.Second); g.sent < stamped && time.Now().Before(end); {
			receive() // or the next is not guessed
		}
	}
	if guessed == 0 {
		t.Error("the kernel was asked each time")
	}
}

// A packet on which its handler panics stays as it is until the next Recv.
func TestWaitLeavesThePacketOfAPanicAlone(t *testing.T) {
	g, ta, _, h := newGuesser(t)
	for range 5 {
		g.guessed()
		var kept []byte
		g.got = func(p *transport.Packet) {
			kept = p.Data
			panic("a handler's")
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			g.q.Recv(g, 64)
		}()
		want := string(kept)
		send(t, ta, packet(h, []byte("something else")))
		if err := g.q.Wait(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if string(kept) != want {
			t.Fatal("Wait has overwritten it")
		}
		g.got = func(*transport.Packet) {}
		if _, err := g.q.Recv(g, 64); err != nil {
			t.Fatal(err)
		}
	}
}

// A socket that has more than a batch does not keep others from being asked.
func TestAFullBatchIsFollowedByAQuestion(t *testing.T) {
	g, _, _, _ := newGuesser(t)
	r := &g.q.rx
	full := 0
	for range 20 {
		g.guessed()
		for n := 1; n > 0; {
			var err error
			if n, err = g.q.Recv(g, 64); err != nil {
				t.Fatal(err)
			}
		}
		g.guessed()
		if _, err := g.q.Recv(g, 64); err != nil {
			t.Fatal(err)
		}
		for range 3 * r.batch() {
			g.sends()
		}
		r.guess.Asked() // as if no time had passed
		if r.again(sysmon.Now()) && r.have == r.batch() {
			if full++; r.single {
				t.Fatal("the next packets are to be received without asking, too")
			}
		}
	}
	if full == 0 {
		t.Error("there never was a full batch")
	}
}

// Sockets that always have as much as Recv may take have their turns.
func TestBusySocketsTakeTurns(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{}), open(t, b, Config{})
	protocols := []int{252, 253, 254}
	bind(t, tb, protocols...)
	h := between(a, b, false)
	came := map[uint8]int{}
	g := &guesser{t: t, q: &tb.q, got: func(p *transport.Packet) { came[p.Protocol()]++ }}
	const limit, rounds = 4, 30
	for range rounds {
		for _, p := range protocols {
			h.protocol = uint8(p)
			for range limit {
				send(t, ta, packet(h, []byte("12345678")))
			}
		}
		if err := g.q.Wait(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := g.q.Recv(g, limit); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range protocols {
		if n := came[uint8(p)]; n < rounds*limit/len(protocols)/2 {
			t.Errorf("%d packets of protocol %d in %d calls of Recv(%d), of all %v", n, p, rounds, limit, came)
		}
	}
}
