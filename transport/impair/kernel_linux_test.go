// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/impair"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/transporttest"
)

// openIn opens raw sockets in a node.
func openIn(tb testing.TB, n *netlab.Node) *rawip.Transport {
	tb.Helper()
	t, err := rawip.Open(&rawip.Config{NetNS: n.NetNS()})
	check(tb, err)
	return t
}

func TestContractOverRawSockets(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	transporttest.Run(t, transporttest.Config{Make: func(tb testing.TB) transporttest.Pair {
		end := func(name string) transporttest.Endpoint {
			n := lab.Node(name)
			return transporttest.Endpoint{
				Transport: openIn(tb, n), Addr4: n.Addr4(), Addr6: n.Addr6(), IfIndex: n.Interfaces()[0].Index,
			}
		}
		a, b := end("a"), end("b")
		a.Transport = decorate(tb, a.Transport, 1, "loss 0% mtu 65535", "loss 0%")
		return transporttest.Pair{A: a, B: b}
	}})
}

// heard is what arrived: numbers and when.
type heard struct {
	got []int
	at  []time.Time
}

func (h *heard) Deliver(p *transport.Packet) {
	h.got = append(h.got, int(binary.BigEndian.Uint32(p.Payload())))
	h.at = append(h.at, time.Now())
}
func (h *heard) Event(*transport.Event) {}

// hear receives until n packets have arrived.
func (h *heard) hear(tb testing.TB, t transport.Transport, n int) {
	tb.Helper()
	q := t.Queues()[0]
	for deadline := time.Now().Add(20 * time.Second); len(h.got) < n; {
		check(tb, q.Wait(time.Now().Add(time.Second)))
		if _, err := q.Recv(h, 64); err != nil {
			tb.Fatal(err)
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%d of %d packets have arrived", len(h.got), n)
		}
	}
}

// between gives a packet of function packet the addresses of two nodes.
func between(a, b *netlab.Node, n, number int) []byte {
	p := packet(false, n, number)
	src, dst := a.Addr4().As4(), b.Addr4().As4()
	copy(p[12:], src[:])
	copy(p[16:], dst[:])
	p[10], p[11] = 0, 0
	return p
}

// TestOptionsThatTheKernelFillsInAreNoCorruption delays packets that record
// their route: the kernel has written to the option, and left the checksum.
func TestOptionsThatTheKernelFillsInAreNoCorruption(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	from, to := openIn(t, a), decorate(t, openIn(t, b), 1, "", "delay 1ms")
	defer from.Close()
	defer to.Close()
	check(t, to.Bind(proto))
	plain := between(a, b, 100, 7)
	p := slices.Concat(plain[:20], []byte{7, 7, 4, 0, 0, 0, 0, 0}, plain[20:]) // RFC 791: room for one address
	p[0] = 0x47
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	check(t, commit(t, from, p))
	var h heard
	h.hear(t, to, 1)
	if h.got[0] != 7 {
		t.Errorf("packet %d arrived", h.got[0])
	}
}

// TestRawSocketsAreImpaired compares what arrives between two kernels with
// what the recorded faults say.
func TestRawSocketsAreImpaired(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	const n = 400
	for _, out := range []bool{true, false} {
		var r impair.Recorder
		cfg := &impair.Config{Seed: 11, Recorder: &r}
		p := parse(t, "loss 10% duplicate 10% drop 7,9-11 delay 2ms")
		from, to := transport.Transport(openIn(t, a)), transport.Transport(openIn(t, b))
		var err error
		if out {
			cfg.Out = p
			from, err = impair.New(from, cfg)
		} else {
			cfg.In = p
			to, err = impair.New(to, cfg)
		}
		check(t, err)
		check(t, to.Bind(proto))
		var sent [n]time.Time
		for i := range n {
			sent[i] = time.Now()
			check(t, commit(t, from, between(a, b, 100, i)))
		}
		// All that is to arrive is on its way by now, or, if it is the
		// receiver that has to look, arrives while it does.
		var h heard
		h.hear(t, to, 1)
		deadline := time.Now().Add(10 * time.Second)
		offered := func() uint64 {
			it, ok := transport.As[*impair.Transport](from)
			if ok {
				return it.Counts().Out.Offered - it.Counts().Out.InFlight
			}
			it, _ = transport.As[*impair.Transport](to)
			return it.Counts().In.Offered - it.Counts().In.InFlight
		}
		for offered() < n && time.Now().Before(deadline) {
			check(t, to.Queues()[0].Wait(time.Now().Add(time.Millisecond)))
			_, err := to.Queues()[0].Recv(&h, 64)
			check(t, err)
		}
		want := map[int]int{}
		for i := range n {
			want[i] = 1
		}
		total := n
		for _, id := range r.Schedule() {
			switch d := 1; {
			case id.Kind == impair.KindDuplicate:
				want[int(id.Number)] += d
				total++
			default:
				want[int(id.Number)]--
				total--
			}
		}
		h.hear(t, to, total)
		for i, k := range h.got {
			want[k]--
			if took := h.at[i].Sub(sent[k]); took < 2*time.Millisecond {
				t.Errorf("out %v: packet %d took %v, want 2ms or more", out, k, took)
			}
		}
		for i, k := range want {
			if k != 0 {
				t.Errorf("out %v: packet %d arrived %d times too few", out, i, k)
			}
		}
		lost := n - total + len(slices.DeleteFunc(r.Schedule(), func(id impair.ID) bool { return id.Kind != impair.KindDuplicate }))
		if lost < n/20 || lost > n/4 {
			t.Errorf("out %v: %d of %d packets were lost", out, lost, n)
		}
		check(t, from.Close())
		check(t, to.Close())
	}
}

func TestARateHoldsBetweenKernels(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	from := decorate(t, openIn(t, a), 1, "rate 8mbit limit 1000p", "")
	to := openIn(t, b)
	check(t, to.Bind(proto))
	const n = 100
	start := time.Now()
	for i := range n {
		check(t, commit(t, from, between(a, b, 1000, i)))
	}
	var h heard
	h.hear(t, to, n)
	for i, k := range h.got {
		if k != i {
			t.Fatalf("packet %d is in place %d", k, i)
		}
		// No packet comes before the line has sent it; how much later is up to
		// the machine.
		if took := h.at[i].Sub(start); took < time.Duration(i+1)*time.Millisecond {
			t.Errorf("packet %d came after %v", i, took)
		}
	}
	check(t, from.Close())
	check(t, to.Close())
}
