// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"bytes"
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
)

func TestHeadersArriveAsTheyWereSent(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for _, mode := range []Header{Included, Kernel} {
		tx := open(t, a, Config{Header: mode})
		rx := open(t, b, Config{})
		bind(t, rx, 253)
		families(t, func(t *testing.T, v6 bool) {
			h := between(a, b, v6)
			h.ttl, h.tos, h.flow, h.df = 37, 0xb9, 0xabcde, true
			payload := pattern(100)
			before := time.Now()
			send(t, tx, packet(h, payload))
			p := receive(t, rx, 1)[0]

			if p.Src() != h.src || p.Dst() != h.dst || p.Protocol() != 253 || p.TTL() != 37 || p.TOS() != 0xb9 || !p.DontFragment() {
				t.Errorf("got %v → %v protocol %d TTL %d TOS %#x DF %v", p.Src(), p.Dst(), p.Protocol(), p.TTL(), p.TOS(), p.DontFragment())
			}
			if v6 && p.FlowLabel() != 0xabcde {
				t.Errorf("flow label %#x", p.FlowLabel())
			}
			if !bytes.Equal(p.Payload(), payload) {
				t.Errorf("payload %x", p.Payload())
			}
			if want := b.Interfaces()[0].Index; int(p.IfIndex) != want {
				t.Errorf("interface %d, want %d", p.IfIndex, want)
			}
			if p.TimeSource() != transport.TimeKernel || p.Time().Before(before.Add(-time.Second)) || p.Time().After(time.Now().Add(time.Second)) {
				t.Errorf("time %v from source %d", p.Time(), p.TimeSource())
			}
			if p.FragSize != 0 || p.Fragment() || p.Truncated() || p.Type() != transport.PacketHost {
				t.Errorf("fragment size %d, fragment %v, truncated %v, type %d", p.FragSize, p.Fragment(), p.Truncated(), p.Type())
			}
			if !p.Known(transport.FieldsAll6) {
				t.Errorf("the wrong fields are known")
			}
		})
	}
}

func TestADatagramInFragmentsComesWhole(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{Header: Kernel})
	rx := open(t, b, Config{})
	bind(t, rx, 253)
	if !tx.Caps().Fragments || rx.Caps().Fragments {
		t.Error("Caps.Fragments must say who fragments")
	}
	families(t, func(t *testing.T, v6 bool) {
		payload := pattern(5000)
		send(t, tx, packet(between(a, b, v6), payload))
		p := receive(t, rx, 1)[0]
		if !bytes.Equal(p.Payload(), payload) {
			t.Errorf("%d bytes of payload, want the %d sent", len(p.Payload()), len(payload))
		}
		if p.Fragment() {
			t.Error("delivered as a fragment")
		}
		if p.FragSize < 1400 || p.FragSize > 1500 {
			t.Errorf("largest fragment of %d bytes, want nearly the MTU of 1500", p.FragSize)
		}
	})
}

func TestTheLargestPacketsAreReceived(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{Header: Kernel})
	rx := open(t, b, Config{})
	bind(t, rx, 253)
	families(t, func(t *testing.T, v6 bool) {
		payload := pattern(65535 - 20)
		if v6 {
			payload = pattern(65535 - 8) // less the fragment header, which counts as payload
		}
		send(t, tx, packet(between(a, b, v6), payload))
		if p := receive(t, rx, 1)[0]; !bytes.Equal(p.Payload(), payload) {
			t.Errorf("%d bytes of payload, want the %d sent", len(p.Payload()), len(payload))
		}
	})
}

func TestOptionsThatTheKernelRewroteArePassedOn(t *testing.T) {
	// On the way in the kernel records its address in a record route option,
	// and leaves the header checksum as it was.
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for _, mode := range []Header{Included, Kernel} {
		tx := open(t, a, Config{Header: mode})
		rx := open(t, b, Config{})
		bind(t, rx, 253)
		h := between(a, b, false)
		h.options = []byte{7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} // RFC 791: room for three
		send(t, tx, packet(h, pattern(10)))
		p := receive(t, rx, 1)[0]
		if o := p.Options(); len(o) != 16 || o[0] != 7 || o[2] <= 4 {
			t.Errorf("options %x, want a record route with an entry", o)
		}
	}
}

func TestBroadcastAndMulticastAreTold(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{})
	rx := open(t, b, Config{})
	bind(t, rx, 253)
	via := a.Interfaces()[0]
	for _, c := range []struct {
		dst  string
		want transport.PacketType
	}{
		{"255.255.255.255", transport.PacketBroadcast},
		{"10.77.1.255", transport.PacketBroadcast},
		{"224.0.0.1", transport.PacketMulticast},
		{"ff02::1", transport.PacketMulticast},
		{b.Addr4().String(), transport.PacketHost},
		{b.Addr6().String(), transport.PacketHost},
	} {
		h := header{dst: addr(c.dst), src: a.Addr4()}
		if h.dst.Is6() {
			h.src = via.LinkLocal
		}
		if err := trySend(tx, via.Index, packet(h, nil)); err != nil {
			t.Errorf("%s: %v", c.dst, err)
			continue
		}
		if p := receive(t, rx, 1)[0]; p.Type() != c.want || p.Dst() != h.dst || p.Src() != h.src {
			t.Errorf("to %s: %v → %v, type %d, want %d", c.dst, p.Src(), p.Dst(), p.Type(), c.want)
		}
	}
}

func TestDropsOfTheKernelAreCounted(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	families(t, func(t *testing.T, v6 bool) {
		tx := open(t, a, Config{})
		rx := open(t, b, Config{RcvBuf: 1})
		bind(t, rx, 253)
		const sent = 200
		p := packet(between(a, b, v6), pattern(500))
		for range sent {
			send(t, tx, p)
		}
		// The stats know without another packet.
		lost := func() uint64 { return rx.Stats().Lost }
		if n := lost(); n == 0 || n >= sent {
			t.Fatalf("%d of %d packets lost with a buffer of %d bytes", n, sent, rx.BufferSize())
		}
		var c collector
		c.until(t, rx, func() bool { return uint64(len(c.packets))+lost() >= sent && c.lost == lost() })
		st := rx.Stats()
		if st.Received != uint64(len(c.packets)) || st.Received+st.Lost != sent || st.Delivered != st.Received {
			t.Errorf("received %d, delivered %d, lost %d of %d", st.Received, st.Delivered, st.Lost, sent)
		}
	})
}

func TestLossIsReportedBeforeThePacketBehindIt(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{})
	rx := open(t, b, Config{RcvBuf: 1})
	bind(t, rx, 253)
	p := packet(between(a, b, false), pattern(500))
	for range 50 {
		send(t, tx, p)
	}
	var c collector
	c.until(t, rx, func() bool { n, _ := rx.Queues()[0].Recv(&c, 64); return n == 0 })
	before := len(c.packets)
	send(t, tx, p)
	c.until(t, rx, func() bool { return len(c.packets) > before })
	if n := len(c.order); c.order[n-1] != "packet" || c.order[n-2] != "lost" || int(c.lost)+before != 50 {
		t.Errorf("order %v, %d lost of 50", c.order, c.lost)
	}
}

func TestATruncatedDatagramIsNotDelivered(t *testing.T) {
	// The kernel has no datagram that does not fit, so its part is played.
	q := &queue{t: &Transport{}}
	q.rx.init(1, true)
	q.rx.cur, q.rx.have = &sock{protocol: 253}, 1
	h := &q.rx.msg4.Hdr[0]
	h.Len = uint32(copy(q.rx.mem, packet(header{src: addr("10.0.0.1"), dst: addr("10.0.0.2")}, pattern(10))))
	h.Hdr.Flags = unix.MSG_TRUNC
	var c collector
	if n := q.deliver(&c, 1); n != 0 || len(c.packets) != 0 {
		t.Errorf("%d packets delivered", n)
	}
	q.flush()
	st := q.stats
	if st.Received != 1 || st.Dropped[transport.Malformed] != 1 || st.Malformed[wire.Truncated] != 1 {
		t.Errorf("%+v", st)
	}
}

func TestRecvTakesAnyLimit(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx, rx := open(t, a, Config{}), open(t, b, Config{})
	bind(t, rx, 253)
	q := rx.Queues()[0]
	for _, limit := range []int{math.MinInt, -1, 0, 1, math.MaxInt} {
		send(t, tx, packet(between(a, b, false), nil))
		if err := q.Wait(time.Time{}); err != nil {
			t.Fatal(err)
		}
		n, err := q.Recv(&collector{}, limit)
		if n > max(limit, 0) || limit > 0 && n == 0 || err != nil {
			t.Errorf("limit %d: %d packets, %v", limit, n, err)
		}
	}
}

func TestPacketsLeftOverByAPanicAreCounted(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for _, end := range []struct {
		name string
		f    func(*Transport) error
	}{
		{"Close", func(tr *Transport) error { return tr.Close() }},
		{"Unbind", func(tr *Transport) error {
			if err := tr.Unbind(253); err != nil {
				return err
			}
			n, err := tr.Queues()[0].Recv(&collector{}, 64)
			if n != 0 {
				t.Errorf("%d packets delivered after Unbind", n)
			}
			return err
		}},
	} {
		tx, rx := open(t, a, Config{}), open(t, b, Config{})
		bind(t, rx, 253)
		p := packet(between(a, b, false), nil)
		send(t, tx, p, p, p)
		q := rx.Queues()[0]
		for panicked := false; !panicked; {
			if err := q.Wait(time.Time{}); err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() { panicked = recover() != nil }()
				q.Recv(sinkFunc(func(*transport.Packet) { panic("handler") }), 64)
			}()
		}
		if err := end.f(rx); err != nil {
			t.Fatal(err)
		}
		if st := rx.Stats(); st.Delivered != 1 || st.Received != 1+st.Dropped[transport.Closed] {
			t.Errorf("after %s: %+v", end.name, st)
		}
	}
}

func TestCountersOfDropsMayWrapAndComeLate(t *testing.T) {
	s := sock{lost: &(&queue{}).lost}
	for _, count := range []uint32{5, 3, 1 << 30, 1 << 31, 3 << 30, 0xffffffff, 4, 0xfffffff0, 4} {
		s.addDrops(count)
	}
	if got := s.lost.Load(); got != 1<<32+4 {
		t.Errorf("counted %d, want %d", got, uint64(1<<32+4))
	}
}

func TestLinkChangesAreEvents(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	rx := open(t, b, Config{})
	index := b.Interfaces()[0].Index
	if err := b.SetMTU("eth0", 1400); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.until(t, rx, func() bool {
		for _, l := range c.links {
			if l.Index == index && l.MTU == 1400 {
				return true
			}
		}
		return false
	})
}

func TestABoundInterfaceThatIsRemovedEndsReceiving(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	rx := open(t, b, Config{Interface: "eth0"})
	bind(t, rx, 253)
	removeLink(t, b, "eth0")
	var c collector
	q := rx.Queues()[0]
	var err error
	for err == nil {
		if err = q.Wait(time.Now().Add(10 * time.Second)); err == nil {
			_, err = q.Recv(&c, 64)
		}
	}
	if !isErrno(err, unix.ENODEV) {
		t.Errorf("got %v, want ENODEV", err)
	}
	if n := len(c.links); n == 0 || !c.links[n-1].Removed {
		t.Errorf("no event of the removal: %+v", c.links)
	}
}
