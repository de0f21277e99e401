// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"bytes"
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

func TestAnswersWhatItMayAndNothingElse(t *testing.T) {
	long := bytes.Repeat([]byte{0xff, 0, 7}, 400)
	for _, c := range []struct {
		name    string
		v6      bool
		dst     string // default: the responder
		src     string // default: the asker
		message []byte // default: a request with data
		spoil   func(m []byte) []byte
		answers int
		reason  transport.DropReason // when it is not answered; DropNone: passed on
		addrs   []netip.Addr
	}{
		{name: "a request", answers: 1},
		{name: "a request, IPv6", v6: true, answers: 1},
		{name: "an address it answers for", addrs: []netip.Addr{netip.MustParseAddr("10.0.0.2")}, answers: 1},
		{name: "an address it does not answer for", addrs: []netip.Addr{netip.MustParseAddr("10.0.0.3")}},
		{name: "the broadcast address of the subnet", dst: "10.0.0.255", reason: transport.Filtered},
		{name: "the limited broadcast address", dst: "255.255.255.255", reason: transport.Filtered},
		{name: "all hosts", dst: "224.0.0.1", reason: transport.Filtered},
		{name: "all nodes", v6: true, dst: "ff02::1", reason: transport.Filtered},
		{name: "from a broadcast address", src: "255.255.255.255", reason: transport.Filtered},
		{name: "from the broadcast address of the subnet", src: "10.0.0.255", reason: transport.Filtered},
		{name: "from another host's loopback", src: "127.0.0.1", reason: transport.Filtered},
		{name: "from nowhere", v6: true, src: "::", reason: transport.Filtered},
		{name: "from a multicast address", v6: true, src: "ff02::1", reason: transport.Filtered},
		{name: "a wrong checksum", spoil: func(m []byte) []byte { m[9] ^= 4; return m }, reason: transport.BadChecksum},
		{name: "a wrong checksum, IPv6", v6: true, spoil: func(m []byte) []byte { m[2] ^= 4; return m }, reason: transport.BadChecksum},
		{name: "seven bytes", spoil: func(m []byte) []byte { return m[:7] }, reason: transport.Malformed},
		{name: "no bytes, IPv6", v6: true, spoil: func(m []byte) []byte { return nil }, reason: transport.Malformed},
		{name: "a reply", message: []byte{0, 0}},
		{name: "an error", message: []byte{3, 1}},
		{name: "a request of the other family", message: []byte{128, 0}},
		{name: "a request of the other family, IPv6", v6: true, message: []byte{8, 0}},
		{name: "another code", message: []byte{8, 9}, answers: 1},
		{name: "another code, IPv6", v6: true, message: []byte{128, 9}, answers: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := prototest.Pair(t, nil)
			r := &Responder{Config: ResponderConfig{Addrs: c.addrs}}
			b := n.B.RegisterWith(t, r, &proto.Options{Protocols: []uint8{1, 58}, Shared: true})
			protocol, d := uint8(1), &icmp4
			if c.v6 {
				protocol, d = 58, &icmp6
			}
			rec := n.A.Record(t, protocol)
			src, dst := addr(n.A, c.v6), addr(n.B, c.v6)
			if c.src != "" {
				src = netip.MustParseAddr(c.src)
			}
			if c.dst != "" {
				dst = netip.MustParseAddr(c.dst)
			}
			typ, code := d.request, uint8(0)
			if c.message != nil {
				typ, code = c.message[0], c.message[1]
			}
			m := message(typ, code, 0x12345678, long, src, dst)
			if c.spoil != nil {
				m = c.spoil(m)
			}
			ifindex := n.A.T.Interfaces()[1].Index
			if err := rec.Binding.Do(func(env *proto.Env) {
				if err := env.Send(proto.Header{Src: src, Dst: dst, IfIndex: ifindex, Protocol: protocol, TOS: 0xb9}, m); err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			n.Run(t, time.Second)
			s, got := b.Stats(), rec.Packets()
			if len(got) != c.answers || s.Taken != uint64(c.answers) || s.Sent != uint64(c.answers) {
				t.Fatalf("%d answers; %+v", len(got), s)
			}
			switch {
			case c.answers > 0:
				checkAnswer(t, got[0], m, d, addr(n.B, c.v6))
			case c.reason == transport.DropNone && s.Passed != 1, c.reason != transport.DropNone && s.Dropped[c.reason] != 1:
				t.Errorf("%+v", s)
			}
			var counted ResponderStats
			switch {
			case c.answers > 0:
				counted = ResponderStats{Requests: 1, Answered: 1}
			case c.reason == transport.Filtered:
				counted.NotUnicast = 1
			case c.reason == transport.BadChecksum:
				counted.BadChecksum = 1
			case c.reason == transport.Malformed:
				counted.Malformed = 1
			}
			if st := r.Stats(); st != counted {
				t.Errorf("counted: %+v, want %+v", st, counted)
			}
		})
	}
}

// checkAnswer compares an answer with its request.
func checkAnswer(t *testing.T, p *proto.Packet, request []byte, d *dialect, from netip.Addr) {
	t.Helper()
	m := p.Payload()
	if m[0] != d.reply || !intact(p, m) || !bytes.Equal(m[4:], request[4:]) {
		t.Errorf("answer %x to %x", m[:min(len(m), 40)], request[:min(len(request), 40)])
	}
	if wantCode := request[1]; d == &icmp4 && m[1] != wantCode || d == &icmp6 && m[1] != 0 {
		t.Errorf("code %d", m[1])
	}
	if p.Src() != from || p.TTL() != 64 || p.TOS() != 0xb8 {
		t.Errorf("answered from %v with TTL %d, TOS %#x", p.Src(), p.TTL(), p.TOS())
	}
}

func TestDelaysAreKeptAndRoomIsLimited(t *testing.T) {
	n := prototest.Pair(t, link(time.Millisecond, nil))
	b := respond(t, n, ResponderConfig{Delay: 100 * time.Millisecond, MaxHeld: 20})
	r := ping(t, n, false, Config{Count: 50, Size: 1000, Interval: time.Millisecond, Timeout: time.Second})
	s := r.finish(t, n)
	for _, e := range r.events {
		if e.RTT != 102*time.Millisecond {
			t.Errorf("request %d took %v", e.Seq, e.RTT)
		}
	}
	st := b.Stats()
	if s.Received != 20 || st.Answered != 20 || st.Refused != 30 || st.Requests != 50 || st.Held != 0 {
		t.Errorf("%+v, %+v", s, st)
	}
}

// Room is one reason of many for which an answer is not sent.
func TestAnswersThatAreNotSentAreCountedByTheReason(t *testing.T) {
	sys := func(err error) error { return &net.OpError{Op: "write", Err: os.NewSyscallError("sendto", err)} }
	for _, c := range []struct {
		err  error
		want ResponderStats
	}{
		{transport.Filtered, ResponderStats{NotUnicast: 1}},
		{&proto.HeaderError{Field: "Dst", Reason: "is a broadcast address"}, ResponderStats{NotUnicast: 1}},
		{transport.ErrNoSlots, ResponderStats{Requests: 1, Refused: 1}},
		{sys(syscall.ENOBUFS), ResponderStats{Requests: 1, Refused: 1}},
		{sys(syscall.ENETUNREACH), ResponderStats{Requests: 1, Unsent: 1}},
		{&transport.TooBigError{MTU: 1300}, ResponderStats{Requests: 1, Unsent: 1}},
	} {
		r := &Responder{stats: ResponderStats{Requests: 1}}
		err := r.unanswered(c.err)
		if r.Stats() != c.want {
			t.Errorf("%v: %+v, want %+v", c.err, r.Stats(), c.want)
		}
		if c.want.NotUnicast > 0 && err != transport.Filtered || c.want.NotUnicast == 0 && err != c.err {
			t.Errorf("%v: returned %v", c.err, err)
		}
	}
}

func TestLosesAndDoublesWithTheProbabilityAsked(t *testing.T) {
	const count = 20_000
	n := prototest.Pair(t, link(0, nil))
	b := respond(t, n, ResponderConfig{Loss: 0.2, Duplicate: 0.1})
	r := &Pinger{Config: Config{Dst: n.B.Addr6, Count: count, Interval: time.Millisecond, Size: 16}}
	n.A.Register(t, 58, r)
	n.RunUntil(t, time.Hour, r.Over)
	s, st := r.Stats(), b.Stats()
	// Ten standard deviations either way.
	if lost := st.Lost; lost < 3434 || lost > 4566 {
		t.Errorf("%d lost", lost)
	}
	if d := st.Duplicated; d < 1220 || d > 1980 {
		t.Errorf("%d answered twice", d)
	}
	if s.Received != st.Answered || s.Duplicates+1 < st.Duplicated || s.Duplicates > st.Duplicated || st.Requests != st.Answered+st.Lost || st.Requests != count {
		t.Errorf("%+v, %+v", s, st)
	}
}

func TestRefusesWhatIsNoProbability(t *testing.T) {
	n := prototest.Pair(t, nil)
	for _, c := range []ResponderConfig{{Loss: -0.1}, {Loss: 1.1}, {Duplicate: 2}, {Delay: -1}, {MaxHeld: -1}} {
		if _, err := n.B.HandleWith(&Responder{Config: c}, &proto.Options{Protocols: []uint8{1}}); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func TestAnswersThatDoNotGetThroughAreCounted(t *testing.T) {
	r := &Responder{}
	for _, e := range []transport.NetworkError{
		{Protocol: 1, Quoted: []byte{wire.ICMPv4EchoReply}},
		{Protocol: 58, Quoted: []byte{wire.ICMPv6EchoReply}},
		{Protocol: 1, Quoted: []byte{wire.ICMPv4Echo}}, // somebody else's request
		{Protocol: 1},
	} {
		if err := r.HandleError(nil, &e); err != nil {
			t.Error(err)
		}
	}
	if r.Stats().Failed != 2 {
		t.Errorf("%+v", r.Stats())
	}
}
