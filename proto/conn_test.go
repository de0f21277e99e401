// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
)

func TestDialledConnsPassTheStandardConnTests(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			n := prototest.LivePair(t, nil)
			a, b := n.A.Addr4, n.B.Addr4
			if v6 {
				a, b = n.A.Addr6, n.B.Addr6
			}
			x, err := n.A.Dial(253, b, nil)
			if err != nil {
				return nil, nil, nil, err
			}
			y, err := n.B.Dial(253, a, nil)
			if err != nil {
				return nil, nil, nil, err
			}
			return endConn{x}, endConn{y}, func() { x.Close(); y.Close() }, nil
		})
	}
}

// endConn adds what the standard tests need and a protocol without
// connections lacks: an end, which is an empty packet, and a bound on how much
// is under way, since they take a lost byte for a fault.
type endConn struct{ *proto.Conn }

func (c endConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 && err == nil && len(b) > 0 {
		return 0, io.EOF
	}
	return n, err
}

func (c endConn) Write(b []byte) (int, error) {
	time.Sleep(20 * time.Microsecond)
	return c.Conn.Write(b)
}

func (c endConn) Close() error {
	c.Conn.Write(nil)
	return c.Conn.Close()
}

func TestListenAnswersManyPeers(t *testing.T) {
	n := prototest.LivePair(t, nil)
	l := listen(t, n.B, 253)
	for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6} {
		c := dial(t, n.A, 253, dst)
		write(t, c, "hello")
		b := make([]byte, 100)
		k, from, err := l.ReadFrom(b)
		if err != nil || string(b[:k]) != "hello" {
			t.Fatalf("ReadFrom: %q, %v", b[:k], err)
		}
		if from.String() != c.LocalAddr().String() {
			t.Errorf("from %v, want %v", from, c.LocalAddr())
		}
		if _, err := l.WriteTo([]byte("answer"), from); err != nil {
			t.Fatal(err)
		}
		if got := read(t, c); got != "answer" {
			t.Errorf("read %q, want answer", got)
		}
		if c.RemoteAddr().String() != dst.String() || l.RemoteAddr() != nil {
			t.Errorf("remote addresses %v and %v", c.RemoteAddr(), l.RemoteAddr())
		}
		c.Close()
	}
	if _, err := l.Write([]byte("x")); err == nil {
		t.Error("Write without a peer: no error")
	}
	if _, err := l.WriteTo([]byte("x"), &net.UnixAddr{Name: "x"}); err == nil {
		t.Error("WriteTo an address that is none: no error")
	}
	if _, err := l.WriteTo(nil, (*net.IPAddr)(nil)); err == nil {
		t.Error("WriteTo nil: no error")
	}
	if _, err := n.B.Listen(253, nil); !errors.Is(err, proto.ErrProtocolInUse) {
		t.Errorf("a second Listen: %v, want ErrProtocolInUse", err)
	}
}

func TestDialTakesItsPeersPacketsAndListenTheRest(t *testing.T) {
	n := prototest.LivePair(t, nil)
	l := listen(t, n.B, 253)
	d := dial(t, n.B, 253, n.A.Addr4)
	c4, c6 := dial(t, n.A, 253, n.B.Addr4), dial(t, n.A, 253, n.B.Addr6)
	write(t, c4, "for the dialled")
	write(t, c6, "for the listener")
	if got := read(t, d); got != "for the dialled" {
		t.Errorf("dialled Conn read %q", got)
	}
	if got := read(t, l); got != "for the listener" {
		t.Errorf("listening Conn read %q", got)
	}
}

func TestReadBatchAndWriteBatchCarryHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.LivePair(t, nil)
		l := listen(t, n.B, 253)
		c := dial(t, n.A, 253, n.B.Addr6)
		var out []proto.Message
		for i := range 200 { // more than a batch of the transport
			out = append(out, proto.Message{Buf: []byte{byte(i)}, Header: proto.Header{TTL: uint8(i + 1), TOS: 7, FlowLabel: 0x12345}})
		}
		if k, err := c.WriteBatch(out); k != 200 || err != nil {
			t.Fatalf("WriteBatch: %d, %v", k, err)
		}
		synctest.Wait()
		in := make([]proto.Message, 300)
		for i := range in {
			in[i].Buf = make([]byte, 10)
		}
		k, err := l.ReadBatch(in)
		if k != 200 || err != nil {
			t.Fatalf("ReadBatch: %d, %v; want 200", k, err)
		}
		for i, m := range in[:k] {
			h := m.Header
			if m.N != 1 || m.Buf[0] != byte(i) || h.TTL != uint8(i+1) || h.TOS != 7 || h.FlowLabel != 0x12345 ||
				h.Src != n.A.Addr6 || h.Dst != n.B.Addr6 || h.Protocol != 253 || m.Time.IsZero() {
				t.Fatalf("message %d: %+v", i, m)
			}
		}
		if k, err := c.WriteBatch([]proto.Message{{Buf: []byte("ok")}, {Buf: make([]byte, 3000), Header: proto.Header{Frag: proto.FragNever}}, {Buf: []byte("not")}}); k != 1 || !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("WriteBatch with one too big: %d, %v; want 1, EMSGSIZE", k, err)
		}
	})
}

func TestWriteAboveTheMTUSaysSoIfItMustNotBeCut(t *testing.T) {
	n := prototest.LivePair(t, nil)
	c := conn(t)(n.A.Dial(253, n.B.Addr4, &proto.ConnConfig{Header: proto.Header{Frag: proto.FragNever}}))
	_, err := c.Write(make([]byte, 1481))
	var big *transport.TooBigError
	if !errors.As(err, &big) || big.Size != 1501 || big.MTU != 1500 || !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("1481 bytes: %v, want a TooBigError of 1501 and 1500", err)
	}
	if _, err := c.Write(make([]byte, 1480)); err != nil {
		t.Errorf("1480 bytes: %v", err)
	}
	if s := c.Stats(); s.Sent != 1 || s.SendDropped[transport.TooBig] != 1 {
		t.Errorf("sent %d, too big %d", s.Sent, s.SendDropped[transport.TooBig])
	}
}

func TestFullReadBufferDropsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.LivePair(t, nil)
		l, err := n.B.Listen(253, &proto.ConnConfig{ReadBuffer: 1000})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c := dial(t, n.A, 253, n.B.Addr4)
		for range 20 {
			write(t, c, string(make([]byte, 100)))
		}
		synctest.Wait()
		s := l.Stats()
		if s.Taken != 10 || s.Dropped[transport.QueueFull] != 10 {
			t.Errorf("taken %d, dropped %d; want 10 and 10", s.Taken, s.Dropped[transport.QueueFull])
		}
		addsUp(t, n.B.Host)
	})
}

func TestDialShowsNetworkErrorsAndListenHidesThem(t *testing.T) {
	h, q := blockHost(t, nil)
	peer := netip.MustParseAddr("10.0.0.1")
	d, err := h.Dial(253, peer, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	l, err := h.Listen(253, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fault := func(dst netip.Addr) {
		q.events = append(q.events, transport.Event{Kind: transport.ErrorReceived, Err: &transport.NetworkError{
			Origin: transport.OriginICMP, Type: 3, Code: 2, Errno: syscall.ENOPROTOOPT, Protocol: 253, Dst: dst, Offender: dst,
			Quoted: []byte("x"),
		}})
		if _, err := h.Poll(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	other := netip.MustParseAddr("10.0.0.9")
	write(t, d, "x")
	if _, err := l.WriteTo([]byte("x"), &net.IPAddr{IP: other.AsSlice()}); err != nil {
		t.Fatal(err)
	}
	fault(other)
	if _, err := d.Read(nil); !errors.Is(err, proto.ErrStepped) {
		t.Errorf("Read after another peer's error: %v, want only that it would block", err)
	}
	fault(peer)
	var ne *proto.NetworkError
	if _, err := d.Read(nil); !errors.As(err, &ne) || !errors.Is(err, syscall.ENOPROTOOPT) || ne.Type != 3 || ne.Code != 2 {
		t.Errorf("Read: %v, want the network's error", err)
	}
	if _, err := d.Read(nil); !errors.Is(err, proto.ErrStepped) {
		t.Errorf("second Read: %v; the error came twice", err)
	}
	if _, err := l.Read(nil); !errors.Is(err, proto.ErrStepped) {
		t.Errorf("Read of the listening Conn: %v; it shows an error", err)
	}
}

func TestConnDeadlinesAreVirtualInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.LivePair(t, nil)
		c := dial(t, n.A, 253, n.B.Addr4)
		start := time.Now()
		c.SetReadDeadline(start.Add(time.Hour))
		_, err := c.Read(make([]byte, 1))
		var ne net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("Read: %v, want a timeout", err)
		}
		if d := time.Since(start); d != time.Hour {
			t.Errorf("waited %v, want 1h", d)
		}
	})
}

func TestSmallBufferLosesTheRestOfAPacketOnly(t *testing.T) {
	n := prototest.LivePair(t, nil)
	l := listen(t, n.B, 253)
	c := dial(t, n.A, 253, n.B.Addr4)
	write(t, c, "long message")
	write(t, c, "next")
	b := make([]byte, 4)
	for _, want := range []string{"long", "next"} {
		if k, err := l.Read(b); err != nil || string(b[:k]) != want {
			t.Errorf("read %q, %v; want %q", b[:k], err, want)
		}
	}
}

func TestDialRefusesWhatIsNoPeer(t *testing.T) {
	n := prototest.Pair(t, nil)
	for _, dst := range []netip.Addr{{}, netip.IPv4Unspecified(), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::1%nowhere"), netip.MustParseAddr("224.0.0.9")} {
		if c, err := n.A.Dial(253, dst, nil); err == nil {
			c.Close()
			t.Errorf("Dial %v: no error", dst)
		}
	}
	if c, err := n.A.Dial(253, netip.MustParseAddr("::ffff:10.0.0.2"), nil); err != nil {
		t.Errorf("Dial of an IPv4-mapped address: %v", err)
	} else if c.RemoteAddr().String() != "10.0.0.2" {
		t.Errorf("remote %v, want it unmapped", c.RemoteAddr())
	} else {
		c.Close()
	}
	if _, err := n.A.Listen(0, nil); err == nil {
		t.Error("Listen on protocol 0: no error")
	}
	if _, err := n.A.Listen(253, &proto.ConnConfig{ReadBuffer: -1}); err == nil {
		t.Error("a negative ReadBuffer: no error")
	}
}

func listen(t *testing.T, p *prototest.Peer, protocol uint8) *proto.Conn {
	t.Helper()
	return conn(t)(p.Listen(protocol, nil))
}

func dial(t *testing.T, p *prototest.Peer, protocol uint8, dst netip.Addr) *proto.Conn {
	t.Helper()
	return conn(t)(p.Dial(protocol, dst, nil))
}

// TestADeadlineIsForReadAndWrite has Write follow the Read that the deadline has ended.
func TestADeadlineIsForReadAndWrite(t *testing.T) {
	h := rigHost(t, newRig(1), nil)
	c := conn(t)(h.Dial(253, rigPeer, nil))
	for range 100 {
		if err := c.SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Read: %v", err)
		}
		if _, err := c.Write(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write: %v", err)
		}
	}
}

func conn(t *testing.T) func(*proto.Conn, error) *proto.Conn {
	return func(c *proto.Conn, err error) *proto.Conn {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func write(t *testing.T, c *proto.Conn, s string) {
	t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, c *proto.Conn) string {
	t.Helper()
	var b bytes.Buffer
	b.Grow(70_000)
	k, err := c.Read(b.AvailableBuffer()[:70_000])
	if err != nil {
		t.Fatal(err)
	}
	return string(b.AvailableBuffer()[:k])
}
