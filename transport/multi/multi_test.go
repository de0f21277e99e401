// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi_test

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"protean/proto"
	"protean/transport"
	"protean/transport/multi"
	"protean/transport/netlab"
	"protean/transport/sim"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

func must[T any](tb testing.TB) func(T, error) T {
	return func(v T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// wires is a node "m" that has one network for each peer: a handle in each of
// several networks, which joined make one transport.
type wires struct {
	handles, peers []*sim.Transport
	links          []*sim.Link
}

// newWires makes networks 0, 1, ... with the node m as .1 and a peer as .2 of
// 10.0.<number>.0/24 and fd00:<number>::/64.
func newWires(tb testing.TB, n *sim.Network, count int, lc *sim.LinkConfig) *wires {
	w := &wires{}
	tb.Cleanup(func() { n.Close() })
	for i := range count {
		node := must[*sim.Node](tb)(n.Node(string(rune('m' + 2*i))))
		peer := must[*sim.Node](tb)(n.Node(string(rune('n' + 2*i))))
		prefixes := func(last byte) []netip.Prefix {
			return []netip.Prefix{
				netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), last}), 24),
				netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 3: byte(i), 15: last}), 64),
			}
		}
		pa := must[*sim.Port](tb)(node.AddInterface("eth0", prefixes(1)...))
		pb := must[*sim.Port](tb)(peer.AddInterface("eth0", prefixes(2)...))
		w.links = append(w.links, must[*sim.Link](tb)(n.Connect(pa, pb, lc)))
		w.handles = append(w.handles, must[*sim.Transport](tb)(node.Open(nil)))
		w.peers = append(w.peers, must[*sim.Transport](tb)(peer.Open(nil)))
	}
	return w
}

func (w *wires) join(tb testing.TB) *multi.Transport {
	tb.Helper()
	var members []transport.Transport
	for _, h := range w.handles {
		members = append(members, h)
	}
	return must[*multi.Transport](tb)(multi.New(members...))
}

// One member, or the first of two, does what the transport did alone.
func TestKeepsTheContract(t *testing.T) {
	for _, c := range []struct {
		name string
		wrap func(transport.Transport) transport.Transport
		two  bool
	}{
		{"one member", nil, false},
		{"two members", nil, true},
		{"two members, poisoned", transporttest.Poison, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			transporttest.Run(t, transporttest.Config{Make: func(tb testing.TB) transporttest.Pair {
				n := sim.New(&sim.Config{Live: true})
				w := newWires(tb, n, 1, nil)
				members := []transport.Transport{w.handles[0]}
				if c.two {
					idle := newIdle(tb, n)
					members = append(members, idle)
				}
				joined := transport.Transport(must[*multi.Transport](tb)(multi.New(members...)))
				if c.wrap != nil {
					joined = c.wrap(joined)
				}
				return transporttest.Pair{
					A: transporttest.Endpoint{Transport: joined, Addr4: netip.MustParseAddr("10.0.0.1"), Addr6: netip.MustParseAddr("fd00::1"), IfIndex: 2},
					B: transporttest.Endpoint{Transport: w.peers[0], Addr4: netip.MustParseAddr("10.0.0.2"), Addr6: netip.MustParseAddr("fd00::2"), IfIndex: 2},
				}
			}})
		})
	}
}

// newIdle is a handle of a node on no link.
func newIdle(tb testing.TB, n *sim.Network) *sim.Transport {
	node := must[*sim.Node](tb)(n.Node("idle"))
	must[*sim.Port](tb)(node.AddInterface("eth0", netip.MustParsePrefix("192.0.2.1/24")))
	return must[*sim.Transport](tb)(node.Open(nil))
}

// A host over two networks answers each peer, and sends to either, from whichever
// loop.
func TestAHostOverTwoNetworks(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 2, &sim.LinkConfig{Delay: time.Millisecond})
	joined := w.join(t)
	h := must[*proto.Host](t)(proto.NewHost(joined, nil))
	var got []string
	binding := must[*proto.Binding](t)(h.Handle(253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		got = append(got, p.Src().String()+" "+string(p.Payload()))
		s, err := env.Reply(p, 2)
		if err != nil {
			return err
		}
		copy(s.Payload(), "re")
		return s.Commit()
	})))
	var peers []string
	for i, p := range w.peers {
		ph := must[*proto.Host](t)(proto.NewHost(p, nil))
		b := must[*proto.Binding](t)(ph.Handle(253, proto.HandlerFunc(func(_ *proto.Env, p *proto.Packet) error {
			peers = append(peers, p.Dst().String()+" "+string(p.Payload()))
			return nil
		})))
		for _, dst := range []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i), 1}), netip.AddrFrom16([16]byte{0: 0xfd, 3: byte(i), 15: 1})} {
			must[struct{}](t)(struct{}{}, b.Post(func(env *proto.Env) { env.Send(proto.Header{Dst: dst}, []byte("hi")) }))
		}
		must[struct{}](t)(struct{}{}, n.Attach(p, ph))
	}
	for _, m := range w.handles {
		must[struct{}](t)(struct{}{}, n.Attach(m, h))
	}
	must[struct{}](t)(struct{}{}, n.Run(time.Second))
	must[struct{}](t)(struct{}{}, binding.Do(func(env *proto.Env) {
		for _, dst := range []string{"10.0.0.2", "10.0.1.2", "10.0.0.2", "fd00:1::2"} {
			if err := env.Send(proto.Header{Dst: netip.MustParseAddr(dst)}, []byte("out")); err != nil {
				t.Errorf("to %s: %v", dst, err)
			}
		}
		// Through an interface by its index: the second network's eth0 has another
		// index than its own.
		if err := env.Send(proto.Header{Dst: netip.MustParseAddr("10.0.1.2"), IfIndex: 1<<20 + 2}, []byte("by index")); err != nil {
			t.Error(err)
		}
	}))
	must[struct{}](t)(struct{}{}, n.Run(time.Second))
	want := map[string]int{
		"10.0.0.2 re": 1, "10.0.1.2 re": 1, "fd00::2 re": 1, "fd00:1::2 re": 1,
		"10.0.0.2 out": 2, "10.0.1.2 out": 1, "fd00:1::2 out": 1, "10.0.1.2 by index": 1,
	}
	for _, p := range peers {
		want[p]--
	}
	for p, missing := range want {
		if missing != 0 {
			t.Errorf("%q: %d missing; peers got %q, the host %q", p, missing, peers, got)
		}
	}
	if s := joined.Stats(); s.Sent != 9 || s.Received != 4 || s.Refused != 0 {
		t.Errorf("statistics %+v", s)
	}
	if err := joined.Close(); err != nil {
		t.Error(err)
	}
}

func TestIndicesAreUnique(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 3, nil)
	joined := w.join(t)
	defer joined.Close()
	names := map[int]string{}
	for _, i := range joined.Interfaces() {
		if i.Name == "eth0" {
			if names[i.Index] != "" {
				t.Errorf("index %d twice", i.Index)
			}
			names[i.Index] = i.Prefixes[0].String()
		}
	}
	for index, prefix := range map[int]string{2: "10.0.0.1/24", 1<<20 + 2: "10.0.1.1/24", 2<<20 + 2: "10.0.2.1/24"} {
		if names[index] != prefix {
			t.Errorf("index %d is %s, want %s", index, names[index], prefix)
		}
	}
}

func TestIndicesOfOneNodeStayAsTheyAre(t *testing.T) {
	n := sim.New(nil)
	defer n.Close()
	node := must[*sim.Node](t)(n.Node("a"))
	must[*sim.Port](t)(node.AddInterface("eth0", netip.MustParsePrefix("192.0.2.1/24")))
	one, two := must[*sim.Transport](t)(node.Open(nil)), must[*sim.Transport](t)(node.Open(nil))
	joined := must[*multi.Transport](t)(multi.New(one, two))
	defer joined.Close()
	if all := joined.Interfaces(); len(all) != 2 || all[0].Index != 1 || all[1].Index != 2 {
		t.Errorf("got %+v", all)
	}
}

func TestBindIsAllOrNothing(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 2, nil)
	joined := w.join(t)
	defer joined.Close()
	var bad *transport.ProtocolError
	if err := joined.Bind(0); !errors.As(err, &bad) {
		t.Errorf("Bind(0): %v", err)
	}
	w.handles[1].Close()
	if err := joined.Bind(253); err == nil {
		t.Fatal("bound although a member is closed")
	}
	send(t, w.peers[0], "10.0.0.2", "10.0.0.1")
	must[struct{}](t)(struct{}{}, n.Run(time.Second))
	var c counter
	if _, err := w.handles[0].Queues()[0].Recv(&c, 10); err != nil || c != 0 {
		t.Errorf("the first member delivers %d packets of a protocol that could not be bound: %v", c, err)
	}
}

type counter int

func (c *counter) Deliver(*transport.Packet) { *c++ }
func (c *counter) Event(*transport.Event)    {}

// send sends one packet through a transport's first queue.
func send(t *testing.T, tr transport.Transport, src, dst string) error {
	t.Helper()
	q := tr.Queues()[0]
	var b transport.Batch
	if err := q.Reserve(&b, 1); err != nil {
		t.Fatal(err)
	}
	b.Slots[0].Data = append(b.Slots[0].Data, packet(src, dst)...)
	_, err := q.Commit(&b, 1)
	if err != nil {
		b.Drop()
		q.Commit(&b, 0)
	}
	return err
}

func packet(src, dst string) []byte {
	p := make([]byte, 28)
	p[0], p[3], p[8], p[9] = 0x45, 28, 64, 253
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(p[12:], s[:])
	copy(p[16:], d[:])
	return p
}

// In a batch whose packets go to different members, order is kept, an error is
// about the first packet that was not sent, and what is not sent stays.
func TestABatchForSeveralMembers(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 2, nil)
	joined := w.join(t)
	defer joined.Close()
	q := joined.Queues()[1]
	var b transport.Batch
	must[struct{}](t)(struct{}{}, q.Reserve(&b, 1))
	for len(b.Slots) < 6 {
		must[struct{}](t)(struct{}{}, q.Reserve(&b, 6-len(b.Slots)))
	}
	dsts := []string{"10.0.0.2", "10.0.1.2", "10.0.0.2", "10.0.0.2"}
	for i, d := range dsts {
		b.Slots[i].Data = append(b.Slots[i].Data, packet("0.0.0.0", d)...)
		b.Slots[i].Data[27] = byte(i)
		b.Slots[i].Cookie = uint64(i)
	}
	b.Slots[2].Data = b.Slots[2].Data[:10] // no packet
	sent, err := q.Commit(&b, 4)
	if sent != 2 || err == nil || len(b.Slots) != 2 || b.Slots[0].Cookie != 2 || b.Slots[1].Cookie != 3 {
		t.Fatalf("sent %d, %v, %d slots left", sent, err, len(b.Slots))
	}
	b.Drop()
	if sent, err := q.Commit(&b, 1); sent != 1 || err != nil || len(b.Slots) != 0 {
		t.Fatalf("then sent %d, %v, %d slots left", sent, err, len(b.Slots))
	}
	for _, h := range w.handles {
		if s := h.Stats(); s.Sent == 0 {
			t.Error("a member has sent nothing")
		}
	}
	// All slots are back: as many can be had as ever.
	for range 100 {
		if err := send(t, joined, "0.0.0.0", "10.0.1.2"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNobodyToSendThrough(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 2, nil)
	joined := w.join(t)
	defer joined.Close()
	q := joined.Queues()[0]
	var b transport.Batch
	must[struct{}](t)(struct{}{}, q.Reserve(&b, 1))
	b.Slots[0].Data = append(b.Slots[0].Data, packet("0.0.0.0", "10.0.0.2")...)
	b.Slots[0].IfIndex = 77
	if _, err := q.Commit(&b, 1); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("through an interface that nobody has: %v", err)
	}
}

func TestWhatCannotBeJoined(t *testing.T) {
	n := sim.New(nil)
	defer n.Close()
	live := sim.New(&sim.Config{Live: true})
	defer live.Close()
	a := must[*sim.Transport](t)(must[*sim.Node](t)(n.Node("a")).Open(nil))
	b := must[*sim.Transport](t)(must[*sim.Node](t)(live.Node("b")).Open(nil))
	for name, members := range map[string][]transport.Transport{
		"nothing":                   nil,
		"stepped beside a live one": {a, b},
	} {
		if _, err := multi.New(members...); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAbilities(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 2, nil)
	joined := w.join(t)
	defer joined.Close()
	if c, ok := transport.As[transport.Clock](joined); !ok || !c.Now().Equal(n.Now()) {
		t.Error("no clock, though the members have one")
	}
	if _, ok := transport.As[*sim.Transport](joined); ok {
		t.Error("one member's type was found")
	}
	group := netip.MustParseAddr("239.1.1.1")
	if err := joined.Join(1<<20+2, group); err != nil {
		t.Errorf("Join at the second member: %v", err)
	}
	if err := joined.Join(99, group); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Join at no member: %v", err)
	}
	r, ok := transport.As[transport.Router](joined)
	if !ok {
		t.Fatal("no routes, though the members have some")
	}
	route, err := r.Route(netip.MustParseAddr("10.0.1.2"), 0)
	if err != nil || route.IfIndex != 1<<20+2 || route.Src != netip.MustParseAddr("10.0.1.1") {
		t.Errorf("route %+v, %v", route, err)
	}
}

func TestSendingAllocatesNothing(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 2, nil)
	joined := w.join(t)
	defer joined.Close()
	q := joined.Queues()[0]
	var b transport.Batch
	own, other := packet("0.0.0.0", "10.0.0.2"), packet("0.0.0.0", "10.0.1.2")
	one := func() {
		for _, p := range [][]byte{own, other, own, other} {
			if err := q.Reserve(&b, 1); err != nil {
				t.Fatal(err)
			}
			s := &b.Slots[len(b.Slots)-1]
			s.Data = append(s.Data, p...)
		}
		if _, err := q.Commit(&b, 4); err != nil {
			t.Fatal(err)
		}
		if err := n.Run(time.Millisecond); err != nil { // nobody has bound it: it ends there
			t.Fatal(err)
		}
	}
	one() // memory is taken once
	if a := testing.AllocsPerRun(200, one); a > 0 {
		t.Errorf("%v allocations for four packets", a)
	}
}
