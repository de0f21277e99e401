// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/wire"
)

// FuzzNetworkErrors has anything arrive as ICMP while there are packets that
// errors can be about: nothing panics, everything is counted, and who is told
// is told about a packet of its own.
func FuzzNetworkErrors(f *testing.F) {
	sent := frame(253, "10.0.0.2", "192.0.2.9", "payload!")
	f.Add(false, append([]byte{wire.ICMPv4Unreachable, 2, 0, 0, 0, 0, 0, 0}, sent...))
	f.Add(false, []byte{wire.ICMPv4ParamProblem, 0, 0, 0, 200, 255, 0, 0, 0x4f})
	f.Add(true, append([]byte{wire.ICMPv6PacketTooBig, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, frame(253, "fe80::2", "2001:db8::9", "payload!")...))
	f.Add(true, []byte{})
	f.Fuzz(func(t *testing.T, v6 bool, message []byte) {
		if len(message) > 200 { // what the rig's frames hold
			return
		}
		r := newRig(1)
		h := rigHost(t, r, nil)
		got := newTold()
		now := time.Now()
		poll(t, h, now)
		b := handle(t, h, 253, got)
		do(t, b, func(env *proto.Env) {
			for _, hd := range []proto.Header{{Dst: far4, ID: 1, Cookie: 1}, {Dst: far6, Cookie: 1}} {
				if err := env.Send(hd, []byte("payload!")); err != nil {
					t.Fatal(err)
				}
			}
		})
		in := frame(wire.ProtoICMP, "10.0.0.254", "10.0.0.2", string(message))
		if v6 {
			in = frame(wire.ProtoICMPv6, "fe80::fe", "fe80::2", string(message))
		}
		if v6 && len(message) >= wire.ICMPHeaderLen {
			src, dst := netip.AddrFrom16([16]byte(in[8:24])), netip.AddrFrom16([16]byte(in[24:40]))
			wire.ICMPv6(in[40:]).FillChecksum(src, dst)
		} else if len(message) >= wire.ICMPHeaderLen {
			wire.ICMPv4(in[20:]).FillChecksum()
		}
		r.qs[0].put(in)
		poll(t, h, now)
		poll(t, h, now)
		s := addsUp(t, h)
		if s.Network.Reported != uint64(len(got.errors)) {
			t.Fatalf("%+v, told %d", s.Network, len(got.errors))
		}
		if len(got.errors) > 0 {
			if e := <-got.errors; e.Cookie != 1 || e.Protocol != 253 || e.Dst != far4 && e.Dst != far6 {
				t.Fatalf("%+v", e)
			}
		}
	})
}
