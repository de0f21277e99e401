// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

// lab returns a pair of hosts; a's groups may ping.
func lab(t *testing.T) (a, b *netlab.Node) {
	t.Helper()
	l := netlab.Test(t, netlab.Pair())
	if err := l.Node("a").Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		t.Fatal(err)
	}
	return l.Node("a"), l.Node("b")
}

func open(t *testing.T, n *netlab.Node, cfg Config) *Transport {
	t.Helper()
	cfg.NetNS = n.NetNS()
	tr, err := Open(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	for _, p := range []int{1, 58} {
		if err := tr.Bind(p); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

// request builds an echo request; its checksum is left to the kernel.
func request(src, dst netip.Addr, id uint16, options, data []byte) []byte {
	var b []byte
	typ := byte(8)
	if dst.Is4() {
		b = make([]byte, 20+len(options))
		b[0], b[1], b[6], b[8], b[9] = 4<<4|byte(len(b)/4), 0xb9, 0x40, 37, 1
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)+8+len(data)))
		copy(b[12:], src.AsSlice())
		copy(b[16:], dst.AsSlice())
		copy(b[20:], options)
	} else {
		typ = 128
		b = make([]byte, 40)
		binary.BigEndian.PutUint32(b, 6<<28|0xb9<<20)
		binary.BigEndian.PutUint16(b[4:], uint16(8+len(data)))
		b[6], b[7] = 58, 37
		copy(b[8:], src.AsSlice())
		copy(b[24:], dst.AsSlice())
	}
	b = append(b, typ, 0, 0, 0, byte(id>>8), byte(id), 0, 1)
	return append(b, data...)
}

func send(tr *Transport, p []byte, mode transport.FragMode) error {
	q := tr.Queues()[0]
	var b transport.Batch
	if err := q.Reserve(&b, 1); err != nil {
		return err
	}
	b.Slots[0].Data = append(b.Slots[0].Data, p...)
	b.Slots[0].Frag = mode
	_, err := q.Commit(&b, 1)
	if err != nil {
		q.Commit(&b, 0)
	}
	return err
}

// collector keeps copies of what it receives.
type collector struct {
	packets []*transport.Packet
	errs    []transport.NetworkError
}

func (c *collector) Deliver(p *transport.Packet) { c.packets = append(c.packets, p.Clone()) }

func (c *collector) Event(e *transport.Event) {
	if e.Kind == transport.ErrorReceived {
		kept := *e.Err
		kept.Quoted = bytes.Clone(kept.Quoted)
		c.errs = append(c.errs, kept)
	}
}

func (c *collector) until(t *testing.T, tr *Transport, done func() bool) {
	t.Helper()
	q := tr.Queues()[0]
	for end := time.Now().Add(10 * time.Second); !done(); {
		if _, err := q.Recv(c, 64); err != nil {
			t.Fatal(err)
		}
		if done() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d packets and %d errors came; stats %+v", len(c.packets), len(c.errs), tr.Stats())
		}
		if err := q.Wait(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
}

func families(t *testing.T, a, b *netlab.Node, f func(t *testing.T, src, dst netip.Addr)) {
	t.Run("IPv4", func(t *testing.T) { f(t, a.Addr4(), b.Addr4()) })
	t.Run("IPv6", func(t *testing.T) { f(t, a.Addr6(), b.Addr6()) })
}

func TestRequestsAreAnsweredUnderTheirIdentifiers(t *testing.T) {
	a, b := lab(t)
	tr := open(t, a, Config{})
	families(t, a, b, func(t *testing.T, src, dst netip.Addr) {
		data := bytes.Repeat([]byte("data"), 500) // in fragments
		for _, id := range []uint16{0x1234, 0xffff, 0x1234, 1} {
			before := time.Now()
			if err := send(tr, request(src, dst, id, nil, data), 0); err != nil {
				t.Fatal(err)
			}
			var c collector
			c.until(t, tr, func() bool { return len(c.packets) > 0 })
			p := c.packets[0]
			m := p.Payload()
			if p.Src() != dst || p.Dst() != src || p.TOS() != 0xb9 || p.TTL() != 64 || len(m) != 8+len(data) ||
				binary.BigEndian.Uint16(m[4:]) != id || !bytes.Equal(m[8:], data) {
				t.Errorf("%v → %v, TOS %#x, TTL %d, %d bytes, identifier %#x, want %#x", p.Src(), p.Dst(), p.TOS(), p.TTL(), len(m), m[4:6], id)
			}
			if p.TimeSource() != transport.TimeKernel || p.Time().Before(before.Add(-time.Second)) || int(p.IfIndex) != a.Interfaces()[0].Index ||
				p.Checksum() != transport.ChecksumVerified {
				t.Errorf("time %v from source %d, interface %d", p.Time(), p.TimeSource(), p.IfIndex)
			}
			if !p.Is6() && p.Known(transport.FieldID) || p.Is6() && !p.Known(transport.FieldExt) || !p.Known(transport.FieldTTL|transport.FieldTOS|transport.FieldDst) {
				t.Error("the wrong fields are known")
			}
		}
	})
	if s := tr.Stats(); s.Received != 8 || s.Delivered != 8 || s.Sent != 8 || s.Dropped.Total() != 0 {
		t.Errorf("%+v", s)
	}
}

func TestOptionsGoBothWays(t *testing.T) {
	a, b := lab(t)
	tr := open(t, a, Config{})
	record := []byte{7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} // RFC 791: room for three
	if err := send(tr, request(a.Addr4(), b.Addr4(), 7, record, nil), 0); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.until(t, tr, func() bool { return len(c.packets) > 0 })
	if o := c.packets[0].Options(); len(o) != 16 || o[0] != 7 || o[2] <= 4 {
		t.Errorf("options %x, want a record route with entries", o)
	}
}

// TestAnIPv6SourceIsTheOneGiven has a node with two interfaces ping with the
// address of the one through the other.
func TestAnIPv6SourceIsTheOneGiven(t *testing.T) {
	l := netlab.Test(t, netlab.Topology{
		Nodes: []netlab.NodeSpec{{Name: "a"}, {Name: "b"}},
		Links: []netlab.LinkSpec{{A: "a", B: "b"}, {A: "a", B: "b"}},
	})
	a, b := l.Node("a"), l.Node("b")
	if err := a.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		t.Fatal(err)
	}
	tr := open(t, a, Config{})
	own, other, none := a.Addr6(), a.Interfaces()[1].Addr6.Addr(), netip.IPv6Unspecified()
	for i, src := range []netip.Addr{own, other, none, other, own, none} {
		for _, id := range []uint16{1, uint16(i%2 + 2)} {
			want := src
			if src == none {
				want = own
			}
			if err := send(tr, request(src, b.Addr6(), id, nil, nil), 0); err != nil {
				t.Fatalf("identifier %d from %v: %v", id, src, err)
			}
			var c collector
			c.until(t, tr, func() bool { return len(c.packets) > 0 })
			if got := c.packets[0]; got.Dst() != want || binary.BigEndian.Uint16(got.Payload()[4:]) != id {
				t.Errorf("identifier %d from %v: the reply came to %v, as %x", id, src, got.Dst(), got.Payload())
			}
		}
	}
	if err := send(tr, request(b.Addr6(), b.Addr6(), 1, nil, nil), 0); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("a source that is another host's: %v", err)
	}
}

func TestErrorsQuoteTheRequest(t *testing.T) {
	l := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a, b := l.Node("a"), l.Node("b")
	if err := a.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		t.Fatal(err)
	}
	tr := open(t, a, Config{})
	families(t, a, b, func(t *testing.T, src, dst netip.Addr) {
		p := request(src, dst, 99, nil, make([]byte, 1380))
		if err := send(tr, p, transport.FragNever); err != nil {
			t.Fatal(err)
		}
		var c collector
		c.until(t, tr, func() bool { return len(c.errs) > 0 })
		e := c.errs[0]
		m := p[len(p)-1388:]
		if e.MTU != 1300 || e.Errno != syscall.EMSGSIZE || e.Dst != dst || e.Offender == dst || len(e.Quoted) < 8 ||
			e.Quoted[0] != m[0] || !bytes.Equal(e.Quoted[4:8], m[4:8]) || e.Protocol != 1 && e.Protocol != 58 || e.Time == 0 {
			t.Errorf("%+v", e)
		}
		var big *transport.TooBigError
		if err := send(tr, p, transport.FragNever); !errors.As(err, &big) || big.MTU != 1300 {
			t.Errorf("the same again: %v", err)
		}
		if err := send(tr, p, transport.FragAuto); err != nil {
			t.Errorf("in fragments: %v", err)
		}
		c.until(t, tr, func() bool { return len(c.packets) > 0 })
	})
}

func TestWhatSocketsCannotSendIsRefused(t *testing.T) {
	a, b := lab(t)
	tr := open(t, a, Config{})
	other := open(t, a, Config{})
	good := request(a.Addr4(), b.Addr4(), 5, nil, nil)
	with := func(at int, v byte) []byte {
		p := bytes.Clone(good)
		p[at] = v
		return p
	}
	for name, p := range map[string][]byte{
		"another protocol":   with(9, 253),
		"a fragment":         with(6, 0x20),
		"a reply":            with(20, 0),
		"a code":             with(21, 1),
		"the identifier 0":   with(25, 0),
		"a destination opt.": append(bytes.Clone(request(a.Addr6(), b.Addr6(), 5, nil, nil)[:6]), append([]byte{60}, request(a.Addr6(), b.Addr6(), 5, nil, nil)[7:]...)...),
	} {
		if err := send(tr, p, 0); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := send(tr, good[:27], 0); err == nil {
		t.Error("a packet that is cut off was sent")
	}
	if err := send(tr, good, 0); err != nil {
		t.Error(err)
	}
	if err := send(other, good, 0); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("an identifier that is in use: %v", err)
	}
	for id := range MaxIDs {
		err := send(other, request(a.Addr4(), b.Addr4(), uint16(id+1000), nil, nil), 0)
		if err != nil {
			t.Fatalf("identifier %d: %v", id, err)
		}
	}
	if err := send(other, request(a.Addr4(), b.Addr4(), 2000, nil, nil), 0); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("one identifier more than MaxIDs: %v", err)
	}
	var pe *transport.ProtocolError
	if err := tr.Bind(253); !errors.As(err, &pe) {
		t.Errorf("Bind(253): %v", err)
	}
	if s := tr.Stats(); s.Refused != 7 {
		t.Errorf("%d refused", s.Refused)
	}
}

func TestWithoutAGroupInRangeTheErrorNamesTheSysctl(t *testing.T) {
	l := netlab.Test(t, netlab.Pair()) // of a new namespace, nobody's groups
	_, err := Open(&Config{NetNS: l.Node("a").NetNS()})
	var pe *transport.PermissionError
	if !errors.As(err, &pe) || !errors.Is(err, fs.ErrPermission) || !bytes.Contains([]byte(err.Error()), []byte("ping_group_range")) {
		t.Errorf("got %v", err)
	}
}

func TestUnboundAndClosedTransportsDeliverNothing(t *testing.T) {
	a, b := lab(t)
	tr := open(t, a, Config{Interface: "eth0"})
	if err := tr.Unbind(1); err != nil {
		t.Fatal(err)
	}
	if err := send(tr, request(a.Addr4(), b.Addr4(), 5, nil, nil), 0); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.until(t, tr, func() bool { return tr.Stats().Dropped[transport.NoHandler] == 1 })
	if len(c.packets) != 0 {
		t.Error("a packet of a protocol that is not bound was delivered")
	}
	waited := make(chan error, 1)
	go func() {
		var err error
		for err == nil { // it may return early
			err = tr.Queues()[0].Wait(time.Time{})
		}
		waited <- err
	}()
	time.Sleep(10 * time.Millisecond)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Wait: %v", err)
	}
	if _, err := tr.Queues()[0].Recv(&c, 1); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Recv: %v", err)
	}
}

func TestRoundTripsAllocateNothing(t *testing.T) {
	a, b := lab(t)
	tr := open(t, a, Config{})
	q := tr.Queues()[0]
	families(t, a, b, func(t *testing.T, src, dst netip.Addr) {
		p := request(src, dst, 77, nil, make([]byte, 56))
		var batch transport.Batch
		var c counter
		round := func() {
			if err := q.Reserve(&batch, 1); err != nil {
				t.Fatal(err)
			}
			batch.Slots[0].Data = append(batch.Slots[0].Data, p...)
			if _, err := q.Commit(&batch, 1); err != nil {
				t.Fatal(err)
			}
			for c = 0; c == 0; {
				if err := q.Wait(time.Now().Add(10 * time.Second)); err != nil {
					t.Fatal(err)
				}
				if _, err := q.Recv(&c, 64); err != nil {
					t.Fatal(err)
				}
			}
		}
		round()
		if n := testing.AllocsPerRun(100, round); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// counter is a sink that only counts.
type counter int

func (c *counter) Deliver(*transport.Packet) { *c++ }
func (c *counter) Event(*transport.Event)    {}

// Sockets that always have as much as Recv may take have their turns.
func TestBusySocketsTakeTurns(t *testing.T) {
	a, b := lab(t)
	tr := open(t, a, Config{})
	q := tr.Queues()[0]
	if err := tr.Bind(wire.ProtoICMP); err != nil {
		t.Fatal(err)
	}
	const limit, rounds = 4, 30
	ids := []uint16{71, 72, 73}
	var c collector
	for range rounds {
		for _, id := range ids {
			for range limit {
				if err := send(tr, request(a.Addr4(), b.Addr4(), id, nil, nil), transport.FragAuto); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := q.Wait(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Recv(&c, limit); err != nil {
			t.Fatal(err)
		}
	}
	came := map[uint16]int{}
	for _, p := range c.packets {
		came[binary.BigEndian.Uint16(p.Payload()[4:])]++
	}
	for _, id := range ids {
		if n := came[id]; n < rounds*limit/len(ids)/2 {
			t.Errorf("%d replies to %d in %d calls of Recv(%d), of all %v", n, id, rounds, limit, came)
		}
	}
}
