// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/proto/wire"
	"protean/transport"
)

// complain answers every packet to host B with an ICMP error.
func complain(t *testing.T, n *prototest.Net, v6 bool, e wire.ICMPError) {
	protocol := map[bool]uint8{false: 1, true: 58}[v6]
	n.B.Register(t, protocol, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		e.Quoted = p.Data
		var m []byte
		var err error
		if v6 {
			m = make([]byte, e.LenV6())
			err = e.MarshalV6(m, p.Dst(), p.Src())
		} else {
			m = make([]byte, e.LenV4())
			err = e.MarshalV4(m)
		}
		if err != nil {
			return err
		}
		return env.Send(proto.Header{Src: p.Dst(), Dst: p.Src(), Protocol: protocol}, m)
	}))
}

func TestErrorsOfTheNetwork(t *testing.T) {
	for _, c := range []struct {
		v6   bool
		e    wire.ICMPError
		want string
	}{
		{false, wire.ICMPError{Type: 3, Code: 1}, "Destination Host Unreachable"},
		{false, wire.ICMPError{Type: 3, Code: 4, MTU: 1400}, "Frag needed and DF set (mtu = 1400)"},
		{false, wire.ICMPError{Type: 3, Code: 13}, "Packet filtered"},
		{false, wire.ICMPError{Type: 3, Code: 99}, "Dest Unreachable, Bad Code: 99"},
		{false, wire.ICMPError{Type: 11, Code: 0}, "Time to live exceeded"},
		{false, wire.ICMPError{Type: 11, Code: 1}, "Frag reassembly time exceeded"},
		{false, wire.ICMPError{Type: 11, Code: 2}, "Time exceeded, Bad Code: 2"},
		{false, wire.ICMPError{Type: 12, Pointer: 20}, "Parameter problem: pointer = 20"},
		{true, wire.ICMPError{Type: 1, Code: 0}, "Destination unreachable: No route"},
		{true, wire.ICMPError{Type: 1, Code: 42}, "Destination unreachable: Unknown code 42"},
		{true, wire.ICMPError{Type: 2, MTU: 1400}, "Packet too big: mtu=1400"},
		{true, wire.ICMPError{Type: 3, Code: 0}, "Time exceeded: Hop limit"},
		{true, wire.ICMPError{Type: 4, Code: 1, Pointer: 6}, "Parameter problem: Unknown header at 6"},
	} {
		t.Run(c.want, func(t *testing.T) {
			n := prototest.Pair(t, link(time.Millisecond, nil))
			complain(t, n, c.v6, c.e)
			r := ping(t, n, c.v6, Config{Count: 1, Size: 1450})
			s := r.finish(t, n)
			line := "From " + addr(n.B, c.v6).String() + " icmp_seq=1 " + c.want + "\n"
			if s.Errors != 1 || s.Received != 0 || s.Loss() != 100 || !strings.Contains(r.out.String(), line) {
				t.Errorf("%+v, printed:\n%s", s, r.out.String())
			}
			if s.Elapsed > 2*time.Second {
				t.Errorf("waited for answers to requests that are known to have failed: %v", s.Elapsed)
			}
		})
	}
}

func TestErrorsAboutOthersArePassedOn(t *testing.T) {
	n := prototest.Pair(t, link(time.Millisecond, nil))
	respond(t, n, ResponderConfig{})
	r := ping(t, n, false, Config{Count: 3, Size: 56, Interval: time.Second, ID: 7})
	quote := func(id byte, dst netip.Addr, data byte) []byte {
		h := wire.IPv4Fields{TTL: 64, Protocol: 1, Src: n.A.Addr4, Dst: dst, PayloadLen: 16}
		b := make([]byte, 20+16)
		if err := h.Marshal(b); err != nil {
			t.Fatal(err)
		}
		copy(b[20:], []byte{8, 0, 0, 0, 0, id, 0, 1, data})
		return b
	}
	send := func(m []byte) { n.B.Send(t, 1, n.A.Addr4, m) }
	send(message(3, 1, 0, quote(8, n.B.Addr4, 0), n.B.Addr4, n.A.Addr4))                        // another identifier
	send(message(3, 1, 0, quote(7, netip.MustParseAddr("10.0.0.77"), 0), n.B.Addr4, n.A.Addr4)) // another destination
	send(message(3, 1, 0, quote(7, n.B.Addr4, byte(r.cookie>>56)+1), n.B.Addr4, n.A.Addr4))     // another cookie
	send(message(5, 1, 0, quote(7, n.B.Addr4, 0), n.B.Addr4, n.A.Addr4))                        // a redirect
	send(message(3, 1, 0, nil, n.B.Addr4, n.A.Addr4))                                           // no quote
	send(message(3, 1, 0, quote(7, n.B.Addr4, 0)[:27], n.B.Addr4, n.A.Addr4))                   // too short a quote
	if s := r.finish(t, n); s.Errors != 0 || s.Received != 3 {
		t.Errorf("%+v", s)
	}
	if b := r.binding.Stats(); b.Passed != 6 {
		t.Errorf("%+v", b)
	}
}

func TestErrorsThatTheTransportReports(t *testing.T) {
	n := prototest.Pair(t, link(time.Hour, nil))
	r := ping(t, n, false, Config{Count: 2, Size: 56, ID: 7, Timeout: 5 * time.Second})
	n.Run(t, 1500*time.Millisecond)
	err := r.binding.Do(func(env *proto.Env) {
		for _, e := range []transport.NetworkError{
			{Origin: transport.OriginICMP, Type: 3, Code: 1, Offender: n.B.Addr4, Protocol: 1, Dst: n.B.Addr4, Quoted: message(8, 0, 7<<16|1, r.template, n.A.Addr4, n.B.Addr4)},
			{Origin: transport.OriginICMP, Type: 3, Code: 1, Protocol: 1, Dst: n.B.Addr4, Quoted: message(8, 0, 8<<16|1, nil, n.A.Addr4, n.B.Addr4)},
			{Origin: transport.OriginLocal, Protocol: 1, Dst: n.A.Addr4, Cookie: 1},
			{Origin: transport.OriginLocal, Protocol: 1, Dst: n.B.Addr4, Cookie: 3},
			{Origin: transport.OriginLocal, Protocol: 1, Dst: n.B.Addr4, Cookie: 2},
		} {
			if err := r.HandleError(env, &e); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Stats(); !r.Over() || s.Errors != 2 {
		t.Errorf("%+v", s)
	}
	if out := r.out.String(); !strings.Contains(out, "From 10.0.0.2 icmp_seq=1 Destination Host Unreachable\n") {
		t.Errorf("printed %s", out)
	}
}
