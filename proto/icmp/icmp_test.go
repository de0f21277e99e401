// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package icmp_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/icmp"
	"protean/proto/prototest"
	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

// answering is two hosts of which B answers.
func answering(t *testing.T, cfg *icmp.Config) *prototest.Net {
	t.Helper()
	n := prototest.Pair(t, nil)
	register(t, n.B.Host, cfg)
	return n
}

func register(t *testing.T, h *proto.Host, cfg *icmp.Config) {
	t.Helper()
	b, err := icmp.Register(h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
}

// message4 and message6 are ICMP messages with their checksum.
func message4(typ uint8, rest uint32, body []byte) []byte {
	b := append([]byte{typ, 0, 0, 0, 0, 0, 0, 0}, body...)
	binary.BigEndian.PutUint32(b[4:], rest)
	wire.ICMPv4(b).FillChecksum()
	return b
}

func message6(typ uint8, rest uint32, body []byte, src, dst netip.Addr) []byte {
	b := append([]byte{typ, 0, 0, 0, 0, 0, 0, 0}, body...)
	binary.BigEndian.PutUint32(b[4:], rest)
	wire.ICMPv6(b).FillChecksum(src, dst)
	return b
}

// ask sends one packet from A and returns what came back, of the same protocol.
func ask(t *testing.T, n *prototest.Net, hd proto.Header, payload []byte) []*proto.Packet {
	t.Helper()
	r := n.A.Record(t, hd.Protocol)
	defer r.Binding.Close()
	if err := r.Binding.Do(func(env *proto.Env) {
		if err := env.Send(hd, payload); err != nil {
			t.Fatal(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	n.Run(t, 100*time.Millisecond)
	return r.Packets()
}

func TestEchoRequestsAreAnswered(t *testing.T) {
	n := answering(t, nil)
	group := netip.MustParseAddr("ff02::1")
	for _, size := range []int{0, 1, 8, 1400, 5000} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i)
		}
		for _, c := range []struct {
			hd  proto.Header
			b   []byte
			typ uint8
		}{
			{proto.Header{Dst: n.B.Addr4, Protocol: wire.ProtoICMP, TOS: 0xb9}, message4(wire.ICMPv4Echo, 0x12345678, data), wire.ICMPv4EchoReply},
			{proto.Header{Dst: n.B.Addr6, Protocol: wire.ProtoICMPv6, TOS: 0xb9}, message6(wire.ICMPv6Echo, 0x12345678, data, n.A.Addr6, n.B.Addr6), wire.ICMPv6EchoReply},
			{proto.Header{Src: n.A.Addr6, Dst: group, IfIndex: 2, Protocol: wire.ProtoICMPv6}, message6(wire.ICMPv6Echo, 1, data, n.A.Addr6, group), wire.ICMPv6EchoReply},
		} {
			got := ask(t, n, c.hd, c.b)
			if len(got) != 1 {
				t.Errorf("%d bytes to %v: %d answers", size, c.hd.Dst, len(got))
				continue
			}
			m := got[0].Payload()
			bad := wire.NotMalformed
			if got[0].Is6() {
				_, bad = wire.ParseICMPv6(m, got[0].Src(), got[0].Dst())
			} else {
				_, bad = wire.ParseICMPv4(m)
			}
			if bad != wire.NotMalformed || m[0] != c.typ || string(m[4:]) != string(c.b[4:]) || got[0].TOS() != c.hd.TOS&^3 ||
				got[0].Src() != n.B.Addr4 && got[0].Src() != n.B.Addr6 {
				t.Errorf("%d bytes to %v: %v % x", size, c.hd.Dst, got[0].Src(), m[:8])
			}
		}
	}
	if got := ask(t, n, proto.Header{Dst: netip.MustParseAddr("10.0.0.255"), IfIndex: 2, Protocol: wire.ProtoICMP}, message4(wire.ICMPv4Echo, 1, nil)); len(got) != 0 {
		t.Errorf("a request to everybody: %d answers", len(got))
	}
	bad := message4(wire.ICMPv4Echo, 1, nil)
	bad[3]++
	if got := ask(t, n, proto.Header{Dst: n.B.Addr4, Protocol: wire.ProtoICMP}, bad); len(got) != 0 {
		t.Error("a request with a wrong checksum is answered")
	}
	if s := n.B.Stats(); s.Dropped[transport.BadChecksum] != 1 {
		t.Errorf("dropped %v", s.Dropped)
	}
}

func TestTimestampRequestsAreAnswered(t *testing.T) {
	n := answering(t, nil)
	body := binary.BigEndian.AppendUint32(nil, 4711)
	got := ask(t, n, proto.Header{Dst: n.B.Addr4, Protocol: wire.ProtoICMP}, message4(wire.ICMPv4Timestamp, 7, append(body, make([]byte, 8)...)))
	if len(got) != 1 {
		t.Fatalf("%d answers", len(got))
	}
	m, bad := wire.ParseICMPv4(got[0].Payload())
	if bad != wire.NotMalformed || m.Type() != wire.ICMPv4TimestampReply || m.Seq() != 7 {
		t.Fatalf("% x", got[0].Payload())
	}
	now := n.Sim.Now().UTC()
	ms := uint32(now.Sub(now.Truncate(24 * time.Hour)).Milliseconds())
	if o, r, x, ok := m.Timestamps(); !ok || o != 4711 || ms-r > 200 || x != r {
		t.Errorf("originate %d, receive %d, transmit %d; it is %d", o, r, x, ms)
	}
	if got := ask(t, n, proto.Header{Dst: n.B.Addr4, Protocol: wire.ProtoICMP}, message4(wire.ICMPv4Timestamp, 7, body)); len(got) != 0 {
		t.Error("half a request is answered")
	}
}

// errorsOf is a handler that keeps what it is told.
type errorsOf struct{ got []proto.NetworkError }

func (*errorsOf) HandlePacket(*proto.Env, *proto.Packet) error { return nil }

func (h *errorsOf) HandleError(_ *proto.Env, e *proto.NetworkError) error {
	c := *e
	c.Quoted = nil
	h.got = append(h.got, c)
	return nil
}

// TestOnlyWhatNobodyTookIsUnreachable: what a handler answers decides.
func TestOnlyWhatNobodyTookIsUnreachable(t *testing.T) {
	for name, c := range map[string]struct {
		result error
		o      proto.Options
		want   int
	}{
		"nobody is registered":       {nil, proto.Options{Protocols: []uint8{1}, Shared: true}, 1},
		"taken":                      {nil, proto.Options{Protocols: []uint8{253}}, 0},
		"passed on":                  {proto.Pass, proto.Options{Protocols: []uint8{253}}, 1},
		"dropped":                    {transport.Malformed, proto.Options{Protocols: []uint8{253}}, 0},
		"failed":                     {errors.New("no"), proto.Options{Protocols: []uint8{253}}, 0},
		"excluded by its TTL":        {nil, proto.Options{Protocols: []uint8{253}, MinTTL: 255}, 0},
		"excluded by its interface":  {nil, proto.Options{Protocols: []uint8{253}, Interfaces: []int{99}}, 0},
		"only observed":              {nil, proto.Options{Protocols: []uint8{253}, Observe: true}, 1},
		"taken by who shares it":     {nil, proto.Options{Protocols: []uint8{253}, Shared: true}, 0},
		"passed on by who shares it": {proto.Pass, proto.Options{Protocols: []uint8{253}, Shared: true}, 1},
	} {
		n := answering(t, nil)
		n.B.RegisterWith(t, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { return c.result }), &c.o)
		told := &errorsOf{}
		x := n.A.Register(t, 253, told)
		for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6} {
			x.Do(func(env *proto.Env) {
				if err := env.Send(proto.Header{Dst: dst, Cookie: 9}, []byte("x")); err != nil {
					t.Fatal(err)
				}
			})
		}
		n.Run(t, time.Second)
		if len(told.got) != 2*c.want {
			t.Errorf("%s: %d errors, want %d", name, len(told.got), 2*c.want)
			continue
		}
		for i, e := range told.got {
			want := []proto.NetworkError{
				{Type: wire.ICMPv4Unreachable, Code: wire.ICMPv4ProtoUnreachable},
				{Type: wire.ICMPv6ParamProblem, Code: wire.ICMPv6UnknownNextHeader, Pointer: 6},
			}[i]
			if e.Type != want.Type || e.Code != want.Code || e.Pointer != want.Pointer || e.Cookie != 9 {
				t.Errorf("%s: %+v", name, e)
			}
		}
		s := n.B.Stats()
		if s.Received+s.Reassembled != s.Taken+s.Observed+s.Dropped.Total()+s.Fragments+s.Held {
			t.Errorf("%s: the counters do not add up: %+v", name, s)
		}
	}
}

// TestThePointerIsAtTheLastHeader of an IPv6 packet that has several.
func TestThePointerIsAtTheLastHeader(t *testing.T) {
	n := answering(t, nil)
	told := &errorsOf{}
	x := n.A.Register(t, 253, told)
	ext := []wire.Ext{{Type: wire.ExtHopByHop, Data: []byte{1, 4, 0, 0, 0, 0}}, {Type: wire.ExtDestination, Data: []byte{1, 4, 0, 0, 0, 0}}}
	x.Do(func(env *proto.Env) {
		if err := env.Send(proto.Header{Dst: n.B.Addr6, Ext: ext}, []byte("x")); err != nil {
			t.Fatal(err)
		}
	})
	n.Run(t, time.Second)
	if len(told.got) != 1 || told.got[0].Pointer != 48 {
		t.Errorf("%+v", told.got)
	}
}

// TestErrorsAreNotSentAboutWhatTheRulesExclude and never faster than the kernel
// would.
func TestErrorsAreNotSentAboutWhatTheRulesExclude(t *testing.T) {
	n := answering(t, nil)
	quote := make([]byte, 28)
	h := wire.IPv4Fields{TTL: 64, Protocol: 253, Src: n.B.Addr4, Dst: n.A.Addr4, PayloadLen: 8}
	if err := h.Marshal(quote); err != nil {
		t.Fatal(err)
	}
	all := netip.MustParseAddr("10.0.0.255")
	for _, c := range []struct {
		name string
		hd   proto.Header
		b    []byte
	}{
		{"an ICMP error", proto.Header{Dst: n.B.Addr4, Protocol: wire.ProtoICMP}, message4(wire.ICMPv4Unreachable, 0, quote)},
		{"an unknown ICMP message", proto.Header{Dst: n.B.Addr4, Protocol: wire.ProtoICMP}, message4(99, 0, nil)},
		{"to everybody", proto.Header{Dst: all, IfIndex: 2, Protocol: 200}, []byte("x")},
		{"to a group", proto.Header{Src: n.A.Addr6, Dst: netip.MustParseAddr("ff02::1"), IfIndex: 2, Protocol: 200}, []byte("x")},
		{"from nobody", proto.Header{Src: netip.IPv6Unspecified(), Dst: n.B.Addr6, Protocol: 200, Exact: true, TTL: 64}, []byte("x")},
		{"from a group", proto.Header{Src: netip.MustParseAddr("224.0.0.9"), Dst: n.B.Addr4, Protocol: 200}, []byte("x")},
		{"from everybody", proto.Header{Src: all, Dst: n.B.Addr4, Protocol: 200}, []byte("x")},
		{"from no such network", proto.Header{Src: netip.MustParseAddr("240.0.0.1"), Dst: n.B.Addr4, Protocol: 200}, []byte("x")},
	} {
		ask(t, n, c.hd, c.b)
		if s := n.B.Stats(); s.Sent != 0 {
			t.Fatalf("%s: %d packets were sent", c.name, s.Sent)
		}
	}
	for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6} {
		before := n.B.Stats().Network
		for range 20 {
			n.A.Send(t, 200, dst, []byte("x"))
		}
		n.Run(t, 10*time.Millisecond)
		if s := n.B.Stats().Network; s.Sent != before.Sent+6 || s.Withheld != before.Withheld+14 {
			t.Errorf("20 packets to %v at once: %+v, before %+v; want 6 errors", dst, s, before)
		}
		n.Run(t, time.Second)
		n.A.Send(t, 200, dst, []byte("x"))
		n.Run(t, 10*time.Millisecond)
		if s := n.B.Stats().Network; s.Sent != before.Sent+7 {
			t.Errorf("a second later: %+v", s)
		}
	}
}

// TestFragmentsThatDoNotBecomeADatagram are told of, and quoted, if the first is
// among them.
func TestFragmentsThatDoNotBecomeADatagram(t *testing.T) {
	for _, first := range []bool{true, false} {
		n := answering(t, nil)
		told := &errorsOf{}
		x := n.A.Register(t, 253, told)
		lost := 0
		for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6} {
			// A fragment is sent as it is, by Relay.
			b := fragment(t, n, dst, first)
			x.Do(func(env *proto.Env) {
				var p proto.Packet
				if m := p.Load(b, transport.Arrival{}); m != 0 {
					t.Fatal(m)
				}
				if err := env.Relay(0, &p); err != nil {
					t.Fatal(err)
				}
			})
			lost++
		}
		n.Run(t, 29*time.Second)
		if len(told.got) != 0 {
			t.Fatalf("too early: %+v", told.got)
		}
		n.Run(t, 32*time.Second)
		if !first {
			if len(told.got) != 0 {
				t.Errorf("without the first fragment: %+v", told.got)
			}
			continue
		}
		if len(told.got) != lost {
			t.Fatalf("%d errors, want %d", len(told.got), lost)
		}
		if e := told.got[0]; e.Type != wire.ICMPv4TimeExceeded || e.Code != wire.ICMPv4ReassemblyExceeded || e.Dst != n.B.Addr4 {
			t.Errorf("%+v", e)
		}
		if e := told.got[1]; e.Type != wire.ICMPv6TimeExceeded || e.Code != wire.ICMPv6ReassemblyExceeded || e.Dst != n.B.Addr6 {
			t.Errorf("%+v", e)
		}
	}
}

// TestFragmentsThatCannotBe draw a parameter problem, in IPv6.
func TestFragmentsThatCannotBe(t *testing.T) {
	n := answering(t, nil)
	told := &errorsOf{}
	x := n.A.Register(t, 253, told)
	f := wire.IPv6FragmentFields{NextHeader: 253, More: true, ID: 77}
	h := wire.IPv6Fields{HopLimit: 64, Protocol: wire.ExtFragment, Src: n.A.Addr6, Dst: n.B.Addr6, PayloadLen: 8 + 21}
	b := make([]byte, 40+8+21) // not a multiple of eight
	if err := h.Marshal(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Marshal(b[40:]); err != nil {
		t.Fatal(err)
	}
	x.Do(func(env *proto.Env) {
		var p proto.Packet
		if m := p.Load(b, transport.Arrival{}); m != 0 {
			t.Fatal(m)
		}
		if err := env.Relay(0, &p); err != nil {
			t.Fatal(err)
		}
	})
	n.Run(t, time.Second)
	if len(told.got) != 1 || told.got[0].Type != wire.ICMPv6ParamProblem || told.got[0].Code != wire.ICMPv6HeaderError || told.got[0].Pointer != 4 {
		t.Errorf("%+v", told.got)
	}
}

// fragment is the first fragment of a datagram to dst, or another.
func fragment(t *testing.T, n *prototest.Net, dst netip.Addr, first bool) []byte {
	t.Helper()
	off := 80
	if first {
		off = 0
	}
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	data := make([]byte, 64)
	if dst.Is4() {
		h := wire.IPv4Fields{TTL: 64, Protocol: 253, ID: 9, MoreFragments: true, FragmentOffset: off, Src: n.A.Addr4, Dst: dst, PayloadLen: len(data)}
		b := make([]byte, h.Len())
		check(h.Marshal(b))
		return append(b, data...)
	}
	f := wire.IPv6FragmentFields{NextHeader: 253, Offset: off, More: true, ID: 9}
	h := wire.IPv6Fields{HopLimit: 64, Protocol: wire.ExtFragment, Src: n.A.Addr6, Dst: dst, PayloadLen: f.Len() + len(data)}
	b := make([]byte, h.Len()+f.Len())
	check(h.Marshal(b))
	check(f.Marshal(b[h.Len():]))
	return append(b, data...)
}

// TestClaimedAddressesAreAnsweredFor as the host's own are.
func TestClaimedAddressesAreAnsweredFor(t *testing.T) {
	n := answering(t, nil)
	claimed := netip.MustParseAddr("10.0.0.77")
	request := message4(wire.ICMPv4Echo, 1, []byte("x"))
	hd := proto.Header{Dst: claimed, Protocol: wire.ProtoICMP}
	if got := ask(t, n, hd, request); len(got) != 0 {
		t.Fatalf("%d answers from an address that nobody has", len(got))
	}
	b := n.B.Register(t, 112, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { return nil }))
	b.Do(func(env *proto.Env) {
		if err := env.Claim(2, claimed, nil); err != nil {
			t.Fatal(err)
		}
	})
	if got := ask(t, n, hd, request); len(got) != 1 || got[0].Src() != claimed {
		t.Errorf("%d answers", len(got))
	}
	b.Do(func(env *proto.Env) {
		if err := env.Unclaim(2, claimed); err != nil {
			t.Fatal(err)
		}
	})
	if got := ask(t, n, hd, request); len(got) != 0 {
		t.Errorf("%d answers from an address that was given up", len(got))
	}
}

func TestAnswersAllocateNothing(t *testing.T) {
	n := answering(t, nil)
	got := 0
	b := n.A.RegisterWith(t, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { got++; return nil }),
		&proto.Options{Protocols: []uint8{wire.ProtoICMP, wire.ProtoICMPv6}})
	four := message4(wire.ICMPv4Echo, 1, make([]byte, 56))
	six := message6(wire.ICMPv6Echo, 1, make([]byte, 56), n.A.Addr6, n.B.Addr6)
	send := func(env *proto.Env) {
		if env.Send(proto.Header{Dst: n.B.Addr4, Protocol: wire.ProtoICMP}, four) != nil ||
			env.Send(proto.Header{Dst: n.B.Addr6, Protocol: wire.ProtoICMPv6}, six) != nil {
			t.Error("send failed")
		}
	}
	if allocs := testing.AllocsPerRun(500, func() { b.Do(send); n.Run(t, time.Millisecond) }); allocs != 0 {
		t.Errorf("%v allocations for two answers", allocs)
	}
	if got < 1000 {
		t.Errorf("%d answers", got)
	}
}
