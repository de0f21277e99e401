// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/proto/wire"
	"protean/transport"
)

// sendOne sends one packet from A to B and returns it as B saw it.
func sendOne(t *testing.T, hd proto.Header, payload []byte) *proto.Packet {
	t.Helper()
	n := prototest.Pair(t, nil)
	if !hd.Dst.IsValid() {
		hd.Dst = n.B.Addr4
	}
	r := n.B.Record(t, 253)
	b := n.A.Record(t, 253).Binding
	b.Do(func(env *proto.Env) {
		if err := env.Send(hd, payload); err != nil {
			t.Fatal(err)
		}
	})
	n.Run(t, time.Second)
	ps := r.Packets()
	if len(ps) != 1 {
		t.Fatalf("%d packets arrived, want 1", len(ps))
	}
	return ps[0]
}

func TestHeaderFieldsGoOutAsGiven(t *testing.T) {
	p := sendOne(t, proto.Header{TTL: 9, TOS: 0xb9, ID: 77, Frag: proto.FragAllow, Options: []byte{148, 4, 0, 0, 1}}, []byte("x"))
	if p.TTL() != 9 || p.TOS() != 0xb9 || p.ID() != 77 || p.DontFragment() || !bytes.Equal(p.Options(), []byte{148, 4, 0, 0, 1, 0, 0, 0}) {
		t.Errorf("IPv4 header % x", p.Header())
	}
	p = sendOne(t, proto.Header{
		Dst: netip.MustParseAddr("fd00::2"), TTL: 9, TOS: 0xb9, FlowLabel: 0xabcde,
		Ext: []wire.Ext{{Type: wire.ExtDestination, Data: []byte{1, 4, 0, 0, 0, 0}}},
	}, []byte("x"))
	if p.TTL() != 9 || p.TOS() != 0xb9 || p.FlowLabel() != 0xabcde || p.Protocol() != 253 || len(p.Ext()) != 8 || string(p.Payload()) != "x" {
		t.Errorf("IPv6 header % x", p.Header())
	}
}

func TestZeroHeaderFieldsAreChosen(t *testing.T) {
	p := sendOne(t, proto.Header{}, nil)
	if p.TTL() != 64 || p.TOS() != 0 || p.ID() == 0 || !p.DontFragment() || p.Protocol() != 253 || p.Src() != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("IPv4 header % x", p.Header())
	}
}

func TestExactHeaderFieldsAreValues(t *testing.T) {
	src := netip.MustParseAddr("10.9.9.9")
	p := sendOne(t, proto.Header{Exact: true, Src: src, Protocol: 253, TTL: 1}, nil)
	if p.Src() != src || p.TTL() != 1 {
		t.Errorf("header % x", p.Header())
	}
}

func TestIdentificationsDoNotRepeatSoon(t *testing.T) {
	n := prototest.Pair(t, nil)
	r := n.B.Record(t, 253)
	b := n.A.Record(t, 253).Binding
	seen := map[uint16]bool{}
	for range 65 {
		b.Do(func(env *proto.Env) {
			for range 1000 {
				if err := env.Send(proto.Header{Dst: n.B.Addr4}, nil); err != nil {
					t.Fatal(err)
				}
			}
		})
		n.Run(t, time.Second)
	}
	for i, p := range r.Packets() {
		if p.ID() == 0 || seen[p.ID()] {
			t.Fatalf("identification %d of packet %d is 0 or was there before", p.ID(), i)
		}
		seen[p.ID()] = true
	}
	if len(seen) != 65_000 {
		t.Errorf("%d packets, want 65000", len(seen))
	}
}

// TestSendersShareTheIdentifications: each takes many at once, if it sends much.
func TestSendersShareTheIdentifications(t *testing.T) {
	n := prototest.Pair(t, nil)
	r := n.B.Record(t, 253)
	b := n.A.Record(t, 253).Binding
	long := []*proto.Sender{b.NewSender(), b.NewSender()}
	hd := proto.Header{Dst: n.B.Addr4}
	const rounds = 1000
	for range rounds {
		// Who sends one packet only must not use up what there is.
		for _, s := range append(long, b.NewSender()) {
			if err := s.Send(hd, nil); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		b.Do(func(env *proto.Env) {
			if err := env.Send(hd, nil); err != nil {
				t.Fatal(err)
			}
		})
		n.Run(t, time.Second)
	}
	seen := map[uint16]bool{}
	for i, p := range r.Packets() {
		if p.ID() == 0 || seen[p.ID()] {
			t.Fatalf("identification %d of packet %d is 0 or was there before", p.ID(), i)
		}
		seen[p.ID()] = true
	}
	if len(seen) != 4*rounds {
		t.Errorf("%d packets, want %d", len(seen), 4*rounds)
	}
}

func TestHeadersThatCannotBeSentAreRefused(t *testing.T) {
	n := prototest.Pair(t, nil)
	b := n.A.Record(t, 253).Binding
	a4, a6 := n.B.Addr4, n.B.Addr6
	cases := map[string]struct {
		hd      proto.Header
		payload int
		want    error // nil: a *HeaderError
	}{
		"no destination":              {hd: proto.Header{}},
		"an IPv4-mapped destination":  {hd: proto.Header{Dst: netip.MustParseAddr("::ffff:10.0.0.2")}},
		"families mixed":              {hd: proto.Header{Dst: a4, Src: a6}},
		"options too long":            {hd: proto.Header{Dst: a4, Options: make([]byte, 41)}},
		"options in IPv6":             {hd: proto.Header{Dst: a6, Options: make([]byte, 4)}},
		"a flow label in IPv4":        {hd: proto.Header{Dst: a4, FlowLabel: 1}},
		"a flow label too long":       {hd: proto.Header{Dst: a6, FlowLabel: 1 << 20}},
		"an identification too long":  {hd: proto.Header{Dst: a4, ID: 1 << 16}},
		"an unknown zone":             {hd: proto.Header{Dst: netip.MustParseAddr("fe80::1%nowhere")}},
		"a zone against IfIndex":      {hd: proto.Header{Dst: netip.MustParseAddr("fe80::1%eth0"), IfIndex: 99}},
		"no such fragment mode":       {hd: proto.Header{Dst: a4, Frag: 9}},
		"multicast, no interface":     {hd: proto.Header{Dst: netip.MustParseAddr("224.0.0.5")}, want: proto.ErrNeedInterface},
		"broadcast, no interface":     {hd: proto.Header{Dst: netip.MustParseAddr("255.255.255.255")}, want: proto.ErrNeedInterface},
		"link-local, no interface":    {hd: proto.Header{Dst: netip.MustParseAddr("fe80::1")}, want: proto.ErrNeedInterface},
		"larger than any IPv4 packet": {hd: proto.Header{Dst: a4}, payload: 65516, want: syscall.EMSGSIZE},
		"larger than any IPv6 packet": {hd: proto.Header{Dst: a6}, payload: 65536, want: syscall.EMSGSIZE},
		"extensions that do not fit":  {hd: proto.Header{Dst: a6, Ext: []wire.Ext{{Type: 43, Data: make([]byte, 3)}}}, want: wire.ErrExtension},
	}
	for name, c := range cases {
		b.Do(func(env *proto.Env) {
			err := env.Send(c.hd, make([]byte, c.payload))
			var he *proto.HeaderError
			if c.want == nil && !errors.As(err, &he) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := env.Reserve(proto.Header{Dst: a4}, -1); err == nil {
				t.Error("a negative length: no error")
			}
		})
	}
	n.Run(t, time.Second)
	if s := n.A.Host.Stats(); s.Sent != 0 {
		t.Errorf("%d packets sent, want none", s.Sent)
	}
}

func TestReplyIsFromTheAddressAskedWithoutECN(t *testing.T) {
	n := prototest.Pair(t, nil)
	n.B.Register(t, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		s, err := env.Reply(p, 100)
		if err != nil {
			return err
		}
		if err := s.SetLen(2); err != nil {
			t.Error(err)
		}
		copy(s.Payload(), "ok")
		return s.Commit()
	}))
	r := n.A.Record(t, 253)
	eth0 := n.A.T.Interfaces()[0].Index
	for _, i := range n.A.T.Interfaces() {
		if i.Name == "eth0" {
			eth0 = i.Index
		}
	}
	r.Binding.Do(func(env *proto.Env) {
		for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6, netip.MustParseAddr("10.0.0.255"), netip.MustParseAddr("ff02::1")} {
			if err := env.Send(proto.Header{Dst: dst, TOS: 0xff, IfIndex: eth0}, nil); err != nil {
				t.Errorf("%v: %v", dst, err)
			}
		}
	})
	n.Run(t, time.Second)
	r.Want(t, "ok", "ok", "ok", "ok")
	for i, p := range r.Packets() {
		if want := []netip.Addr{n.B.Addr4, n.B.Addr6}[i%2]; p.Src() != want || p.TOS() != 0xfc {
			t.Errorf("reply %d: from %v with TOS %#x, want %v and 0xfc", i, p.Src(), p.TOS(), want)
		}
	}
	addsUp(t, n.B.Host)
}

func TestWrapAndRelayCarryAPacketWhole(t *testing.T) {
	n := prototest.Pair(t, nil)
	n.B.Register(t, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		s, err := env.Wrap(proto.Header{Dst: p.Src(), Protocol: 47}, 4, p)
		if err != nil {
			return err
		}
		copy(s.Payload(), "GRE!")
		return s.Commit()
	}))
	var inner []byte
	n.A.Register(t, 47, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		inner = append([]byte(nil), p.Payload()[4:]...)
		var q proto.Packet
		if m := q.Load(p.Payload()[4:], transport.Arrival{}); m != 0 {
			t.Error(m)
		}
		return env.Relay(0, &q)
	}))
	r := new(prototest.Recorder)
	n.B.RegisterWith(t, r, &proto.Options{Protocols: []uint8{253}, Observe: true})
	n.A.Send(t, 253, n.B.Addr4, []byte("inside"))
	if err := n.Sim.RunUntil(func() bool { return len(r.Packets()) == 2 }, time.Second); err != nil {
		t.Fatal(err)
	}
	if ps := r.Packets(); !bytes.Equal(ps[0].Data, ps[1].Data) || !bytes.Equal(ps[0].Data, inner) {
		t.Errorf("sent % x, relayed % x", ps[0].Data, ps[1].Data)
	}
}

func TestNoSlotsThenOnRoom(t *testing.T) {
	h, q := blockHost(t, nil)
	b, err := h.Handle(253, proto.HandlerFunc(echo))
	if err != nil {
		t.Fatal(err)
	}
	dst := netip.MustParseAddr("10.0.0.1")
	hd := proto.Header{Dst: dst}
	q.noSlots = true
	rooms := 0
	b.Do(func(env *proto.Env) {
		if err := env.Send(hd, nil); err != proto.ErrNoSlots {
			t.Errorf("Send: %v, want ErrNoSlots", err)
		}
		env.OnRoom(func(env *proto.Env) {
			rooms++
			if err := env.Send(hd, nil); err != nil {
				t.Errorf("Send when there is room: %v", err)
			}
		})
	})
	poll := func() {
		t.Helper()
		if _, err := h.Poll(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	poll()
	if rooms != 0 {
		t.Fatal("OnRoom without room")
	}
	q.noSlots = false
	poll()
	poll()
	if rooms != 1 || q.sent != 1 || q.lent != 0 {
		t.Errorf("OnRoom ran %d times, %d sent, %d slots kept; want 1, 1, 0", rooms, q.sent, q.lent)
	}
}

func TestPacketsWaitInOrderForRoom(t *testing.T) {
	h, q := blockHost(t, nil)
	b, err := h.Handle(253, proto.HandlerFunc(echo))
	if err != nil {
		t.Fatal(err)
	}
	b.Do(func(env *proto.Env) {
		for range 3 {
			if err := env.Send(proto.Header{Dst: netip.MustParseAddr("10.0.0.1")}, nil); err != nil {
				t.Fatal(err)
			}
		}
		q.noSlots = true // the flush at the end of Do finds none
	})
	if q.sent != 0 {
		t.Fatalf("%d sent without room", q.sent)
	}
	q.noSlots = false
	for range 3 {
		if _, err := h.Poll(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if s := b.Stats(); q.sent != 3 || s.Sent != 3 || q.lent != 0 {
		t.Errorf("%d sent, %d counted, %d slots kept; want 3, 3, 0", q.sent, s.Sent, q.lent)
	}
}

func TestARefusedPacketIsReportedAndTheRestGoes(t *testing.T) {
	h, q := blockHost(t, nil)
	var got []proto.NetworkError
	b, err := h.Handle(253, &script{err: func(_ *proto.Env, e *proto.NetworkError) error {
		got = append(got, *e)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	q.sendErrs = []error{
		nil,
		&transport.TooBigError{Size: 2000, MTU: 1500},
		nil,
		&net.OpError{Op: "write", Err: os.NewSyscallError("sendmmsg", syscall.ENETUNREACH)},
	}
	dst := netip.MustParseAddr("10.0.0.1")
	b.Do(func(env *proto.Env) {
		for i := range 6 {
			if err := env.Send(proto.Header{Dst: dst, Cookie: uint64(i)}, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
	})
	if _, err := h.Poll(time.Now()); err != nil {
		t.Fatal(err)
	}
	s := b.Stats()
	if s.Sent != 4 || s.SendDropped[transport.TooBig] != 1 || s.SendDropped[transport.NoRoute] != 1 || q.lent != 0 {
		t.Errorf("sent %d, too big %d, no route %d, %d slots kept", s.Sent, s.SendDropped[transport.TooBig], s.SendDropped[transport.NoRoute], q.lent)
	}
	if len(got) != 2 {
		t.Fatalf("%d errors reported, want 2", len(got))
	}
	for i, want := range []proto.NetworkError{
		{Cookie: 1, MTU: 1500, Errno: syscall.EMSGSIZE, Quoted: []byte{1}},
		{Cookie: 3, Errno: syscall.ENETUNREACH, Quoted: []byte{3}},
	} {
		e := got[i]
		if e.Origin != transport.OriginLocal || e.Cookie != want.Cookie || e.MTU != want.MTU || e.Errno != want.Errno ||
			!bytes.Equal(e.Quoted, want.Quoted) || e.Dst != dst || e.Protocol != 253 {
			t.Errorf("error %d: %+v", i, e)
		}
	}
}

func TestSenderSendsInBulk(t *testing.T) {
	n := prototest.LivePair(t, nil)
	l := listen(t, n.B, 253)
	b := n.A.Record(t, 253).Binding
	s := b.NewSender()
	for i := range 500 {
		for {
			err := s.Send(proto.Header{Dst: n.B.Addr4}, []byte{byte(i)})
			if err == nil {
				break
			}
			if err != proto.ErrNoSlots {
				t.Fatal(err)
			}
			if err := s.Wait(nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Flush(); err != nil || s.Pending() != 0 {
		t.Fatalf("Flush: %v, %d pending", err, s.Pending())
	}
	buf := make([]byte, 10)
	for i := range 500 {
		if k, err := l.Read(buf); err != nil || k != 1 || buf[0] != byte(i) {
			t.Fatalf("packet %d: %v, % x", i, err, buf[:k])
		}
	}
	b.Close()
	if err := s.Send(proto.Header{Dst: n.B.Addr4}, nil); err != net.ErrClosed {
		t.Errorf("Send after Close: %v, want net.ErrClosed", err)
	}
	if err := s.Wait(nil); err != net.ErrClosed {
		t.Errorf("Wait after Close: %v, want net.ErrClosed", err)
	}
}
