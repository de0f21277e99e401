// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/transport"
)

// A second Conn for the same packets would get none.
func TestConnsThatWouldGetNothingAreRefused(t *testing.T) {
	h := rigHost(t, newRig(1), nil)
	local, other := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.9.0.2")
	conn(t)(h.Dial(253, rigPeer, nil))
	if _, err := h.Dial(253, rigPeer, nil); !errors.Is(err, proto.ErrProtocolInUse) {
		t.Errorf("a second Dial of the same address: %v, want ErrProtocolInUse", err)
	}
	conn(t)(h.Dial(253, netip.MustParseAddr("10.0.0.3"), nil))
	conn(t)(h.Dial(253, rigPeer, &proto.ConnConfig{Local: other}))
	conn(t)(h.Dial(254, rigPeer, nil))
	conn(t)(h.Listen(253, nil))
	conn(t)(h.Listen(253, &proto.ConnConfig{Local: local}))
	conn(t)(h.Listen(253, &proto.ConnConfig{Local: other}))
	if _, err := h.Listen(253, &proto.ConnConfig{Local: local}); !errors.Is(err, proto.ErrProtocolInUse) {
		t.Errorf("a second Listen on the same address: %v, want ErrProtocolInUse", err)
	}
}

// Whatever the order in which they were made.
func TestAPacketGoesToTheConnThatIsMostParticular(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	local := &proto.ConnConfig{Local: netip.MustParseAddr("10.0.0.2")}
	conns := map[string]*proto.Conn{
		"listening":               conn(t)(h.Listen(253, nil)),
		"listening on an address": conn(t)(h.Listen(253, local)),
		"dialled":                 conn(t)(h.Dial(253, rigPeer, nil)),
		"dialled from an address": conn(t)(h.Dial(253, rigPeer, local)),
	}
	for _, c := range []struct{ src, dst, want string }{
		{"10.0.0.1", "10.0.0.2", "dialled from an address"},
		{"10.0.0.1", "10.9.0.2", "dialled"},
		{"10.0.0.3", "10.0.0.2", "listening on an address"},
		{"10.0.0.3", "10.9.0.2", "listening"},
	} {
		before := conns[c.want].Stats().Taken
		r.qs[0].put(frame(253, c.src, c.dst, "x"))
		poll(t, h, time.Now())
		if conns[c.want].Stats().Taken != before+1 {
			t.Errorf("from %s to %s: not taken by the Conn that is %s", c.src, c.dst, c.want)
		}
	}
	addsUp(t, h)
}

// The rig delivers through r0; the same address on r1 is another host's.
func TestALinkLocalPeerIsOneOfItsInterface(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	l := conn(t)(h.Listen(253, nil))
	d := conn(t)(h.Dial(253, netip.MustParseAddr("fe80::1%r1"), nil))
	if a := d.RemoteAddr().String(); a != "fe80::1%r1" {
		t.Errorf("remote address %s, want fe80::1%%r1", a)
	}
	r.qs[0].put(frame(253, "fe80::1", "fe80::2", "x"))
	poll(t, h, time.Now())
	if n, err := d.Read(make([]byte, 10)); !errors.Is(err, proto.ErrStepped) {
		t.Errorf("the Conn of r1 read %d bytes that came through r0 (%v)", n, err)
	}
	_, from, err := l.ReadFrom(make([]byte, 10))
	if err != nil || from.String() != "fe80::1%r0" {
		t.Fatalf("ReadFrom: from %v, %v; want fe80::1%%r0", from, err)
	}
	if _, err := l.WriteTo([]byte("y"), from); err != nil {
		t.Fatalf("answer: %v", err)
	}
	if sent := r.qs[0].packets(); sent[0].IfIndex != 1 {
		t.Errorf("answered through interface %d, want 1", sent[0].IfIndex)
	}
}

func TestWriteBatchShowsErrorsOfTheNetwork(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	c := conn(t)(h.Dial(253, rigPeer, nil))
	write(t, c, "x")
	r.qs[0].events = []transport.Event{{Kind: transport.ErrorReceived, Err: &transport.NetworkError{
		Origin: transport.OriginICMP, Type: 3, Protocol: 253, Dst: rigPeer, Quoted: []byte("x"),
	}}}
	poll(t, h, time.Now())
	var ne *proto.NetworkError
	if n, err := c.WriteBatch(make([]proto.Message, 2)); n != 0 || !errors.As(err, &ne) {
		t.Errorf("WriteBatch: %d, %v; want 0 and the network's error", n, err)
	}
	if n, err := c.WriteBatch(make([]proto.Message, 2)); n != 2 || err != nil {
		t.Errorf("second WriteBatch: %d, %v; want 2", n, err)
	}
}

// TestADialedConnIsToldWhatTheTransportFoundOutLater has a local error come as an event:
// nobody answers where the neighbour was looked for. Of the length Write has told already.
func TestADialedConnIsToldWhatTheTransportFoundOutLater(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	c := conn(t)(h.Dial(253, rigPeer, nil))
	for _, errno := range []syscall.Errno{syscall.EMSGSIZE, syscall.EHOSTUNREACH} {
		write(t, c, "x")
		r.qs[0].events = []transport.Event{{Kind: transport.ErrorReceived, Err: &transport.NetworkError{
			Origin: transport.OriginLocal, Errno: errno, Protocol: 253, Dst: rigPeer, Quoted: []byte("x"),
		}}}
		poll(t, h, time.Now())
	}
	if _, err := c.Read(nil); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("Read: %v", err)
	}
}

// One wake-up is for one reader; who takes it has to pass it on.
func TestTwoReadersGetTwoPacketsThatArriveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		c := conn(t)(h.Listen(253, nil))
		runHost(t, h)
		for range 50 {
			read := func() error { _, err := c.Read(make([]byte, 1)); return err }
			a, b := started(read), started(read)
			synctest.Wait()
			r.qs[0].put(in(253), in(253))
			for _, done := range []<-chan error{a, b} {
				if err := within(t, done, "a packet waits, and so does a reader"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestBlockingCallsOfAConnInACallbackAreErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		c := conn(t)(h.Dial(253, rigPeer, nil))
		got := make(chan [3]error, 1)
		b := handle(t, h, 254, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error {
			_, read := c.Read(make([]byte, 1))
			_, write := c.Write(nil)
			_, batch := c.WriteBatch(make([]proto.Message, 1))
			got <- [3]error{read, write, batch}
			return nil
		}))
		runHost(t, h)
		room := full(r.qs[0], "Reserve")
		defer room()
		r.qs[0].put(in(254))
		for i, err := range within(t, got, "the loop hangs") {
			if !errors.Is(err, proto.ErrOnLoop) {
				t.Errorf("%s: %v, want ErrOnLoop", []string{"Read", "Write", "WriteBatch"}[i], err)
			}
		}
		do(t, b, func(*proto.Env) {
			if _, err := h.Listen(99, nil); err != proto.ErrOnLoop {
				t.Errorf("Listen: %v, want ErrOnLoop", err)
			}
			if _, err := h.Dial(99, rigPeer, nil); err != proto.ErrOnLoop {
				t.Errorf("Dial: %v, want ErrOnLoop", err)
			}
		})
	})
}
