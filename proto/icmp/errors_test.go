// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package icmp_test

import (
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/icmp"
	"protean/proto/prototest"
	"protean/proto/wire"
)

// TestHandlersSayWhatIsWrong in the words of the packet's family.
func TestHandlersSayWhatIsWrong(t *testing.T) {
	n := prototest.Pair(t, nil)
	told := &errorsOf{}
	x := n.A.Register(t, 253, told)
	var complain func(env *proto.Env, p *proto.Packet) error
	n.B.Register(t, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error { return complain(env, p) }))
	unreachable := func(why icmp.Reason) func(*proto.Env, *proto.Packet) error {
		return func(env *proto.Env, p *proto.Packet) error { return icmp.Unreachable(env, p, why) }
	}
	for name, c := range map[string]struct {
		f        func(*proto.Env, *proto.Packet) error
		v4, v6   [2]uint8
		mtu      int
		pointer4 uint32
		pointer6 uint32
	}{
		"no route":   {f: unreachable(icmp.NoRoute), v4: [2]uint8{3, 0}, v6: [2]uint8{1, 0}},
		"host":       {f: unreachable(icmp.Host), v4: [2]uint8{3, 1}, v6: [2]uint8{1, 3}},
		"protocol":   {f: unreachable(icmp.Protocol), v4: [2]uint8{3, 2}, v6: [2]uint8{4, 1}, pointer6: 6},
		"port":       {f: unreachable(icmp.Port), v4: [2]uint8{3, 3}, v6: [2]uint8{1, 4}},
		"prohibited": {f: unreachable(icmp.Prohibited), v4: [2]uint8{3, 13}, v6: [2]uint8{1, 1}},
		"hop limit":  {f: icmp.TimeExceeded, v4: [2]uint8{11, 0}, v6: [2]uint8{3, 0}},
		"too big": {f: func(env *proto.Env, p *proto.Packet) error { return icmp.TooBig(env, p, 1300) },
			v4: [2]uint8{3, 4}, v6: [2]uint8{2, 0}, mtu: 1300},
		"parameter": {f: func(env *proto.Env, p *proto.Packet) error { return icmp.ParameterProblem(env, p, 8) },
			v4: [2]uint8{12, 0}, v6: [2]uint8{4, 0}, pointer4: 8, pointer6: 8},
	} {
		complain = c.f
		told.got = nil
		for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6} {
			x.Do(func(env *proto.Env) {
				if err := env.Send(proto.Header{Dst: dst, Frag: proto.FragProbe}, make([]byte, 1400)); err != nil {
					t.Fatal(err)
				}
			})
			n.Run(t, 2*time.Second)
		}
		if len(told.got) != 2 {
			t.Errorf("%s: %d errors, want 2; %+v", name, len(told.got), n.B.Stats().Network)
			continue
		}
		for i, e := range told.got {
			want, pointer := c.v4, c.pointer4
			if i == 1 {
				want, pointer = c.v6, c.pointer6
			}
			if e.Type != want[0] || e.Code != want[1] || e.MTU != c.mtu || e.Pointer != pointer {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}

// TestAsMuchIsQuotedAsMayBe: the packet is as long as RFC 1812 and RFC 4443
// allow.
func TestAsMuchIsQuotedAsMayBe(t *testing.T) {
	n := answering(t, nil)
	for dst, want := range map[netip.Addr]int{n.B.Addr4: 576, n.B.Addr6: 1280} {
		protocol := map[bool]uint8{true: wire.ProtoICMP, false: wire.ProtoICMPv6}[dst.Is4()]
		r := n.A.Record(t, protocol)
		n.A.Send(t, 200, dst, make([]byte, 1400))
		n.Run(t, time.Second)
		if got := r.Packets(); len(got) != 1 || len(got[0].Data) != want || got[0].Is6() != dst.Is6() {
			t.Errorf("to %v: %d packets", dst, len(got))
		}
	}
}
