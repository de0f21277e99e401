// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
)

func TestPacketsUpToTheMTUAreSentAndNoLongerOnes(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair().WithMTU(1400))
	a, b := lab.Node("a"), lab.Node("b")
	tx, rx := open(t, a, Config{}), open(t, b, Config{})
	bind(t, rx, 253)
	families(t, func(t *testing.T, v6 bool) {
		h := between(a, b, v6)
		fit := packet(h, pattern(1400-len(packet(h, nil))))
		send(t, tx, fit)
		if p := receive(t, rx, 1)[0]; len(p.Data) != 1400 {
			t.Errorf("%d bytes arrived", len(p.Data))
		}
		err := trySend(tx, 0, packet(h, pattern(1401-len(packet(h, nil)))))
		var big *transport.TooBigError
		if !errors.As(err, &big) || big.Size != 1401 || big.MTU != 1400 {
			t.Errorf("got %v, want a TooBigError with size 1401 and MTU 1400", err)
		}
	})
}

func TestTheKernelFragmentsAsTheSlotSays(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx, rx := open(t, a, Config{Header: Kernel}), open(t, b, Config{})
	bind(t, rx, 253)
	q := tx.Queues()[0]
	for _, v6 := range []bool{false, true} {
		for mode, allowed := range map[transport.FragMode]bool{
			transport.FragAuto: true, transport.FragAllow: true, transport.FragNever: false, transport.FragProbe: false,
		} {
			var batch transport.Batch
			if err := q.Reserve(&batch, 1); err != nil {
				t.Fatal(err)
			}
			h := between(a, b, v6)
			h.df = mode != transport.FragAllow
			p := packet(h, pattern(3000))
			batch.Slots[0].Data = append(batch.Slots[0].Data, p...)
			batch.Slots[0].Frag = mode
			_, err := q.Commit(&batch, 1)
			if allowed {
				if err != nil {
					t.Fatalf("IPv6 %v, mode %d: %v", v6, mode, err)
				}
				if p := receive(t, rx, 1)[0]; p.FragSize == 0 || len(p.Payload()) != 3000 {
					t.Errorf("IPv6 %v, mode %d: largest fragment %d, payload %d", v6, mode, p.FragSize, len(p.Payload()))
				}
				continue
			}
			var big *transport.TooBigError
			if !errors.As(err, &big) || big.Size != len(p) || big.MTU != 1500 {
				t.Errorf("IPv6 %v, mode %d: got %v, want a TooBigError with size %d and MTU 1500", v6, mode, err, len(p))
			}
			if _, err := q.Commit(&batch, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTheKernelIsToldWhetherRoutersMayFragment(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx, rx := open(t, a, Config{Header: Kernel}), open(t, b, Config{})
	bind(t, rx, 253)
	h := between(a, b, false)
	// One batch, so that the socket is switched between its packets.
	q := tx.Queues()[0]
	var batch transport.Batch
	if err := q.Reserve(&batch, 4); err != nil {
		t.Fatal(err)
	}
	for i := range batch.Slots {
		h.df = i%2 == 1
		batch.Slots[i].Data = append(batch.Slots[i].Data, packet(h, pattern(3000-2900*(i%2)))...)
	}
	if n, err := q.Commit(&batch, 4); n != 4 {
		t.Fatalf("%d sent: %v", n, err)
	}
	for i, p := range receive(t, rx, 4) {
		if df := i%2 == 1; p.DontFragment() != df || (p.FragSize != 0) == df {
			t.Errorf("packet %d: DF %v, largest fragment %d", i, p.DontFragment(), p.FragSize)
		}
	}
}

func TestPacketsThatLieAreNotSent(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	good4 := packet(between(a, b, false), pattern(8))
	good6 := packet(between(a, b, true), pattern(8))
	with := func(good []byte, at int, v byte) []byte {
		c := append([]byte(nil), good...)
		c[at] = v
		return c
	}
	for _, mode := range []Header{Included, Kernel} {
		tx := open(t, a, Config{Header: mode})
		for _, c := range []struct {
			name string
			b    []byte
			want wire.Malformed
		}{
			{"nothing", nil, wire.TooShort},
			{"a cut IPv4 header", good4[:19], wire.TooShort},
			{"a cut IPv6 header", good6[:39], wire.TooShort},
			{"version 5", with(good4, 0, 0x55), wire.BadVersion},
			{"an IPv4 header length of 16", with(good4, 0, 0x44), wire.BadHeaderLen},
			{"an IPv4 header longer than the packet", with(good4, 0, 0x4f), wire.BadTotalLen},
			{"an IPv4 total length too small", with(good4, 3, 27), wire.BadTotalLen},
			{"an IPv4 total length too large", with(good4, 3, 29), wire.Truncated},
			{"an IPv6 payload length too small", with(good6, 5, 7), wire.BadTotalLen},
			{"an IPv6 payload length too large", with(good6, 5, 9), wire.Truncated},
			{"a jumbogram", with(good6, 5, 0)[:40:40], wire.NotMalformed},
		} {
			if c.want == wire.NotMalformed {
				c.b[6], c.want = wire.ExtHopByHop, wire.Jumbogram
			}
			err := trySend(tx, 0, c.b)
			var op *net.OpError
			if !errors.Is(err, c.want) || !errors.As(err, &op) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		st := tx.Stats()
		if st.Committed != 0 || st.Sent != 0 || st.Refused != 11 {
			t.Errorf("committed %d, sent %d, refused %d", st.Committed, st.Sent, st.Refused)
		}
	}
}

func TestWhatTheKernelCannotBeToldIsRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{Header: Kernel})
	fragment := packet(between(a, b, false), pattern(16))
	fragment[6] = 0x20
	for name, p := range map[string][]byte{
		"fragment": fragment,
	} {
		if err := trySend(tx, 0, p); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsOfTheNetworkAreReturned(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for _, mode := range []Header{Included, Kernel} {
		tx := open(t, a, Config{Header: mode})
		families(t, func(t *testing.T, v6 bool) {
			far := between(a, b, v6)
			far.dst = addr("192.0.2.1")
			if v6 {
				far.dst = addr("2001:db8::1")
			}
			if err := trySend(tx, 0, packet(far, nil)); !isErrno(err, unix.ENETUNREACH) {
				t.Errorf("no route: %v, want ENETUNREACH", err)
			}
			if _, err := tx.Route(far.dst, 0); !isErrno(err, unix.ENETUNREACH) {
				t.Errorf("Route: %v, want ENETUNREACH", err)
			}
		})
		only4 := open(t, a, Config{V4: true, Header: mode})
		if err := trySend(only4, 0, packet(between(a, b, true), nil)); !isErrno(err, unix.EAFNOSUPPORT) {
			t.Errorf("IPv6 without IPv6: %v, want EAFNOSUPPORT", err)
		}
	}
}

func TestASourceThatIsMissingIsFilledIn(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	r, b := lab.Node("r1"), lab.Node("b")
	other := r.Interfaces()[0] // the one away from b
	rx := open(t, b, Config{})
	bind(t, rx, 253)
	for _, c := range []struct {
		name string
		cfg  Config
		v6   bool
		want string
	}{
		{"by the route", Config{}, false, "10.77.2.1"},
		{"by the route", Config{Header: Kernel}, false, "10.77.2.1"},
		{"by the route", Config{Header: Kernel}, true, "fd77:2::1"},
		{"by Local4", Config{Local4: other.Addr4.Addr()}, false, "10.77.1.2"},
		{"by Local4", Config{Header: Kernel, Local4: other.Addr4.Addr()}, false, "10.77.1.2"},
		{"by Local6", Config{Header: Kernel, Local6: other.Addr6.Addr()}, true, "fd77:1::2"},
	} {
		tx := open(t, r, c.cfg)
		h := header{src: addr("0.0.0.0"), dst: b.Addr4()}
		if c.v6 {
			h = header{src: addr("::"), dst: b.Addr6()}
		}
		send(t, tx, packet(h, nil))
		if p := receive(t, rx, 1)[0]; p.Src() != addr(c.want) {
			t.Errorf("%s, header mode %d: source %v, want %s", c.name, c.cfg.Header, p.Src(), c.want)
		}
		route, err := tx.Route(h.dst, 0)
		if err != nil || route.Src != addr(c.want) {
			t.Errorf("Route: %+v, %v", route, err)
		}
	}
}

func TestAFullSendBufferHasRoomAgain(t *testing.T) {
	// Without an answer to its ARP request, the kernel holds packets of the
	// sender back, up to its send buffer.
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{SndBuf: 1})
	h := between(a, b, false)
	h.dst = addr("10.77.1.99")
	q := tx.Queues()[0]
	var batch transport.Batch
	var err error
	sent := 0
	for err == nil && sent < 1000 {
		if err = q.Reserve(&batch, 1); err != nil {
			break
		}
		batch.Slots[0].Data = append(batch.Slots[0].Data, packet(h, pattern(1000))...)
		var n int
		n, err = q.Commit(&batch, 1)
		sent += n
	}
	if !errors.Is(err, transport.ErrNoSlots) {
		t.Fatalf("after %d packets: %v, want ErrNoSlots", sent, err)
	}
	if len(batch.Slots) != 1 {
		t.Fatalf("%d packets are left in the batch", len(batch.Slots))
	}
	// It gives up after some seconds and frees them.
	for end := time.Now().Add(10 * time.Second); ; {
		if err := q.Wait(end); err != nil {
			t.Fatal(err)
		}
		n, err := q.Commit(&batch, 1)
		if n == 1 {
			break
		}
		if !errors.Is(err, transport.ErrNoSlots) || time.Now().After(end) {
			t.Fatalf("no room: %v", err)
		}
	}
	if st := tx.Stats(); st.Refused != 0 || st.Sent != uint64(sent+1) {
		t.Errorf("refused %d, sent %d of %d", st.Refused, st.Sent, sent+1)
	}
}

func TestFlowLabelsThatSomebodyElseLeasesAreRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	fd := otherSocket(t, a, true, 253)
	// struct in6_flowlabel_req: IPV6_FL_A_GET, IPV6_FL_S_EXCL, IPV6_FL_F_CREATE
	req := make([]byte, 32)
	dst := b.Addr6().As16()
	copy(req, dst[:])
	binary.BigEndian.PutUint32(req[16:], 0x12345)
	req[21] = 1
	binary.NativeEndian.PutUint16(req[22:], 1)
	if err := unix.SetsockoptString(fd, unix.SOL_IPV6, 32, string(req)); err != nil {
		t.Fatalf("IPV6_FLOWLABEL_MGR: %v", err)
	}
	h := between(a, b, true)
	h.flow = 0x54321
	tx := open(t, a, Config{Header: Kernel})
	if err := trySend(tx, 0, packet(h, nil)); !isErrno(err, unix.EINVAL) {
		t.Errorf("with the kernel's header: %v, want EINVAL", err)
	}
	h.flow = 0
	send(t, tx, packet(h, nil))
	h.flow = 0x54321
	send(t, open(t, a, Config{}), packet(h, nil)) // leases do not hold for included headers
}
