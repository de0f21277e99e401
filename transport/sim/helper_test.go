// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"protean/proto/checksum"
	"protean/transport"
	"protean/transport/sim"
)

const proto = 253

var (
	addrA = netip.MustParseAddr("10.0.0.1")
	addrB = netip.MustParseAddr("10.0.0.2")
	addrZ = netip.MustParseAddr("10.0.0.99")
)

func prefixes(s ...string) []netip.Prefix {
	var p []netip.Prefix
	for _, x := range s {
		p = append(p, netip.MustParsePrefix(x))
	}
	return p
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A pair is two nodes, a link and a handle on each node bound to proto.
type pair struct {
	n      *sim.Network
	a, b   *sim.Node
	pa, pb *sim.Port
	link   *sim.Link
	ta, tb *sim.Transport
}

// newPair makes one, and checks at the end that its accounts are balanced.
func newPair(t testing.TB, cfg *sim.Config, lc *sim.LinkConfig) *pair {
	t.Helper()
	p := &pair{n: sim.New(cfg)}
	p.a = mustNode(t)(p.n.Node("a"))
	p.b = mustNode(t)(p.n.Node("b"))
	p.pa = mustPort(t)(p.a.AddInterface("eth0", prefixes("10.0.0.1/24", "2001:db8::1/64", "fe80::1/64")...))
	p.pb = mustPort(t)(p.b.AddInterface("eth0", prefixes("10.0.0.2/24", "2001:db8::2/64", "fe80::2/64")...))
	l, err := p.n.Connect(p.pa, p.pb, lc)
	check(t, err)
	p.link = l
	p.ta = open(t, p.a, nil)
	p.tb = open(t, p.b, nil)
	t.Cleanup(func() {
		forth, back := l.Stats()
		balanced(t, forth)
		balanced(t, back)
		if err := p.n.Close(); err != nil {
			t.Error(err)
		}
		for _, h := range []*sim.Transport{p.ta, p.tb} {
			if s := h.Stats(); s.Received != s.Delivered+s.Dropped.Total() {
				t.Errorf("%v: received %d, but delivered %d and dropped %d", h, s.Received, s.Delivered, s.Dropped.Total())
			}
		}
	})
	return p
}

func mustNode(t testing.TB) func(*sim.Node, error) *sim.Node {
	return func(n *sim.Node, err error) *sim.Node { t.Helper(); check(t, err); return n }
}

func mustPort(t testing.TB) func(*sim.Port, error) *sim.Port {
	return func(p *sim.Port, err error) *sim.Port { t.Helper(); check(t, err); return p }
}

func open(t testing.TB, n *sim.Node, cfg *sim.OpenConfig) *sim.Transport {
	t.Helper()
	h, err := n.Open(cfg)
	check(t, err)
	check(t, h.Bind(proto))
	return h
}

func balanced(t testing.TB, s sim.LinkStats) {
	t.Helper()
	if sum := s.Delivered + s.Lost + s.QueueDropped + s.TooBig + s.Filtered + s.Down + s.Partitioned + s.InFlight; sum != s.Offered {
		t.Errorf("%d packets offered, but %d accounted for: %+v", s.Offered, sum, s)
	}
}

// ip4 builds a packet of the given size with all fields filled in.
func ip4(src, dst netip.Addr, size int) []byte {
	b := make([]byte, size)
	s, d := src.As4(), dst.As4()
	copy(b, []byte{0x45, 0, 0, 0, 0, 1, 0, 0, 64, proto, 0, 0})
	binary.BigEndian.PutUint16(b[2:], uint16(size))
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:20]))
	return b
}

func ip6(src, dst netip.Addr, size int) []byte {
	b := make([]byte, size)
	s, d := src.As16(), dst.As16()
	b[0], b[6], b[7] = 0x60, proto, 64
	binary.BigEndian.PutUint16(b[4:], uint16(size-40))
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	return b
}

// send sends one packet and returns what Commit said; a packet not sent is
// given up.
func send(t testing.TB, h transport.Transport, b []byte, more ...func(*transport.Slot)) error {
	t.Helper()
	q := h.Queues()[0]
	var batch transport.Batch
	check(t, q.Reserve(&batch, 1))
	batch.Slots[0].Data = append(batch.Slots[0].Data, b...)
	for _, f := range more {
		f(&batch.Slots[0])
	}
	n, err := q.Commit(&batch, 1)
	if (n == 1) != (err == nil) || len(batch.Slots) != 1-n {
		t.Fatalf("sent %d, %d left, error %v", n, len(batch.Slots), err)
	}
	if n == 0 {
		if _, err := q.Commit(&batch, 0); err != nil {
			t.Fatal(err)
		}
	}
	return err
}

// A got is a packet or event as a collector saw it.
type got struct {
	data  []byte
	at    time.Time
	pk    *transport.Packet
	event transport.EventKind
	iface *transport.Interface
	sent  transport.Sent
	lost  uint64
}

// A collector keeps everything.
type collector struct{ all []got }

func (c *collector) Deliver(p *transport.Packet) {
	k := p.Clone()
	c.all = append(c.all, got{data: k.Data, at: k.Time(), pk: k})
}

func (c *collector) Event(e *transport.Event) {
	g := got{event: e.Kind, lost: e.Lost}
	if e.Interface != nil {
		i := *e.Interface
		g.iface = &i
	}
	if e.Sent != nil {
		g.sent = *e.Sent
	}
	c.all = append(c.all, g)
}

// receive returns everything that waits.
func receive(t testing.TB, h transport.Transport) []got {
	t.Helper()
	var c collector
	for {
		n, err := h.Queues()[0].Recv(&c, 16)
		check(t, err)
		if n == 0 {
			return c.all
		}
	}
}

func packets(all []got) (p []got) {
	for _, g := range all {
		if g.event == 0 {
			p = append(p, g)
		}
	}
	return p
}

// An answerer sends every packet back where it came from.
type answerer struct {
	q     transport.Queue
	b     transport.Batch
	first []byte // sent by the first Poll, if not nil
	seen  int
	until int // stop answering after so many; 0: never
}

func attach(t testing.TB, n *sim.Network, h *sim.Transport, first []byte) *answerer {
	t.Helper()
	a := &answerer{q: h.Queues()[0], first: first}
	check(t, n.Attach(h, a))
	return a
}

func (a *answerer) Poll(now time.Time) (time.Time, error) {
	if a.first != nil {
		if err := a.reply(a.first, false); err != nil {
			return time.Time{}, err
		}
		a.first = nil
	}
	_, err := a.q.Recv(a, 64)
	return time.Time{}, err
}

func (a *answerer) Deliver(p *transport.Packet) {
	a.seen++
	if a.until > 0 && a.seen >= a.until {
		return
	}
	if err := a.reply(p.Data, true); err != nil && !errors.Is(err, net.ErrClosed) {
		panic(err)
	}
}

func (a *answerer) Event(*transport.Event) {}

func (a *answerer) reply(data []byte, swap bool) error {
	if err := a.q.Reserve(&a.b, 1); err != nil {
		return err
	}
	s := &a.b.Slots[0]
	s.Data = append(s.Data, data...)
	if swap {
		copy(s.Data[12:16], data[16:20])
		copy(s.Data[16:20], data[12:16])
	}
	_, err := a.q.Commit(&a.b, 1)
	return err
}
