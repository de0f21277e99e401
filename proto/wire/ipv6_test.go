// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"bytes"
	"net/netip"
	"testing"

	"protean/proto/wire"
)

// goldenIPv6 is a packet with every field set.
const goldenIPv6 = `
	6b 91 23 45                                       // version 6, traffic class 0xb9, flow label 0x12345
	00 04                                             // payload length 4
	fd                                                // next header 253
	40                                                // hop limit 64
	20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01   // source 2001:db8::1
	fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 02   // destination fe80::2
	de ad be ef                                       // payload`

func TestIPv6GoldenPacket(t *testing.T) {
	b := unhex(t, goldenIPv6)
	ip, bad := wire.ParseIPv6(b)
	if bad != wire.NotMalformed {
		t.Fatal(bad)
	}
	check(t, "Version", ip.Version(), 6)
	check(t, "TrafficClass", ip.TrafficClass(), 0xb9)
	check(t, "DSCP", ip.DSCP(), 46)
	check(t, "ECN", ip.ECN(), 1)
	check(t, "FlowLabel", ip.FlowLabel(), 0x12345)
	check(t, "PayloadLen", ip.PayloadLen(), 4)
	check(t, "NextHeader", ip.NextHeader(), wire.ProtoExperimental1)
	check(t, "HopLimit", ip.HopLimit(), 64)
	check(t, "Src", ip.Src(), addr("2001:db8::1"))
	check(t, "Dst", ip.Dst(), addr("fe80::2"))
	checkBytes(t, "Payload", ip.Payload(), []byte{0xde, 0xad, 0xbe, 0xef})

	f := wire.IPv6Fields{
		TrafficClass: 0xb9, FlowLabel: 0x12345, HopLimit: 64, Protocol: 253,
		Src: addr("2001:db8::1"), Dst: addr("fe80::2%eth0"), PayloadLen: 4,
	}
	built := bytes.Repeat([]byte{0xaa}, f.Len())
	if err := f.Marshal(built); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "Marshal", built, b[:40])
}

func TestIPv6Gate(t *testing.T) {
	edit := func(f func(b []byte) []byte) []byte { return f(unhex(t, goldenIPv6)) }
	tests := []struct {
		name   string
		b      []byte
		want   wire.Malformed
		quoted wire.Malformed
	}{
		{"nothing is too short", nil, wire.TooShort, wire.TooShort},
		{"39 bytes are too short", edit(func(b []byte) []byte { return b[:39] }), wire.TooShort, wire.TooShort},
		{"version 4", edit(func(b []byte) []byte { b[0] = 0x45; return b }), wire.BadVersion, wire.BadVersion},
		{"one byte is missing", edit(func(b []byte) []byte { return b[:43] }), wire.Truncated, wire.NotMalformed},
		{"a jumbogram", edit(func(b []byte) []byte { b[5], b[6] = 0, wire.ExtHopByHop; return b }), wire.Jumbogram, wire.NotMalformed},
		{"an empty payload", edit(func(b []byte) []byte { b[5] = 0; return b }), wire.NotMalformed, wire.NotMalformed},
		{"link-layer padding", edit(func(b []byte) []byte { return append(b, 0, 0) }), wire.NotMalformed, wire.NotMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ip, bad := wire.ParseIPv6(tt.b)
			check(t, "ParseIPv6", bad, tt.want)
			if bad == wire.NotMalformed {
				check(t, "len(view)", len(ip), 40+ip.PayloadLen())
				check(t, "cap(view)", cap(ip), len(ip))
			} else if ip != nil {
				t.Error("a view of a refused packet")
			}
			_, bad = wire.ParseIPv6Quoted(tt.b)
			check(t, "ParseIPv6Quoted", bad, tt.quoted)
		})
	}
}

func TestIPv6SettersSetTheirFieldAlone(t *testing.T) {
	ip := wire.IPv6(unhex(t, goldenIPv6))
	want := wire.IPv6(unhex(t, goldenIPv6))

	ip.SetTrafficClass(0x46)
	check(t, "TrafficClass", ip.TrafficClass(), 0x46)
	check(t, "FlowLabel after SetTrafficClass", ip.FlowLabel(), 0x12345)
	check(t, "Version after SetTrafficClass", ip.Version(), 6)
	ip.SetFlowLabel(0xfedcba)
	check(t, "FlowLabel", ip.FlowLabel(), 0xedcba)
	check(t, "TrafficClass after SetFlowLabel", ip.TrafficClass(), 0x46)
	copy(want[:4], ip[:4])

	ip.SetPayloadLen(0x1234)
	check(t, "PayloadLen", ip.PayloadLen(), 0x1234)
	ip.SetNextHeader(17)
	check(t, "NextHeader", ip.NextHeader(), wire.ProtoUDP)
	ip.SetHopLimit(255)
	check(t, "HopLimit", ip.HopLimit(), 255)
	copy(want[4:8], []byte{0x12, 0x34, 17, 255})
	checkBytes(t, "bytes", ip, want)

	ip.SetSrc(addr("fe80::1%lo"))
	check(t, "Src", ip.Src(), addr("fe80::1"))
	ip.SetDst(addr("::1"))
	check(t, "Dst", ip.Dst(), addr("::1"))
	checkBytes(t, "payload", ip.Payload(), want.Payload())

	defer func() {
		if recover() == nil {
			t.Error("SetSrc takes an invalid address")
		}
	}()
	ip.SetSrc(netip.Addr{})
}

func TestIPv6BuilderRefuses(t *testing.T) {
	hop := wire.Ext{Type: wire.ExtHopByHop}
	tests := []struct {
		name string
		edit func(f *wire.IPv6Fields)
		room int
		want error
	}{
		{"nothing: it is good", func(f *wire.IPv6Fields) {}, 40, nil},
		{"a buffer one byte short", func(f *wire.IPv6Fields) {}, 39, wire.ErrShortBuffer},
		{"a buffer without room for the extension header", func(f *wire.IPv6Fields) { f.Ext = []wire.Ext{hop} }, 47, wire.ErrShortBuffer},
		{"a payload of 65536 bytes", func(f *wire.IPv6Fields) { f.PayloadLen = 65536 }, 40, wire.ErrLength},
		{"a payload of 65528 bytes behind 8", func(f *wire.IPv6Fields) { f.Ext, f.PayloadLen = []wire.Ext{hop}, 65528 }, 48, wire.ErrLength},
		{"not one of 65527", func(f *wire.IPv6Fields) { f.Ext, f.PayloadLen = []wire.Ext{hop}, 65527 }, 48, nil},
		{"a negative payload length", func(f *wire.IPv6Fields) { f.PayloadLen = -1 }, 40, wire.ErrLength},
		{"a flow label of 21 bits", func(f *wire.IPv6Fields) { f.FlowLabel = 1 << 20 }, 40, wire.ErrField},
		{"no source", func(f *wire.IPv6Fields) { f.Src = netip.Addr{} }, 40, wire.ErrAddress},
		{"an IPv4 destination", func(f *wire.IPv6Fields) { f.Dst = addr("192.0.2.1") }, 40, wire.ErrAddress},
		{"an extension header that is none", func(f *wire.IPv6Fields) { f.Ext = []wire.Ext{{Type: 6}} }, 48, wire.ErrExtension},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := wire.IPv6Fields{Src: addr("::1"), Dst: addr("::2")}
			tt.edit(&f)
			if err := f.Marshal(make([]byte, tt.room)); err != tt.want {
				t.Errorf("Marshal: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestIPv6FragmentHeader(t *testing.T) {
	golden := unhex(t, `
		11            // next header UDP
		00            // reserved
		05 a9         // offset 181 * 8 = 1448, M
		de ad be ef   // identification`)
	f, bad := wire.ParseIPv6Fragment(append(golden, 1, 2, 3))
	check(t, "ParseIPv6Fragment", bad, wire.NotMalformed)
	check(t, "len(view)", len(f), 8)
	check(t, "NextHeader", f.NextHeader(), wire.ProtoUDP)
	check(t, "Offset", f.Offset(), 1448)
	check(t, "More", f.More(), true)
	check(t, "ID", f.ID(), 0xdeadbeef)
	check(t, "IsAtomic", f.IsAtomic(), false)

	fields := wire.IPv6FragmentFields{NextHeader: 17, Offset: 1448, More: true, ID: 0xdeadbeef}
	b := bytes.Repeat([]byte{0xaa}, fields.Len())
	if err := fields.Marshal(b); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "Marshal", b, golden)

	check(t, "reserved bits do not matter", wire.IPv6Fragment{6, 0xff, 0, 6, 0, 0, 0, 1}.IsAtomic(), true)
	check(t, "the last fragment is not atomic", wire.IPv6Fragment{6, 0, 0, 8, 0, 0, 0, 1}.IsAtomic(), false)
	_, bad = wire.ParseIPv6Fragment(golden[:7])
	check(t, "seven bytes", bad, wire.TooShort)
	for _, offset := range []int{-8, 1, 4, 65536} {
		fields.Offset = offset
		check(t, "Marshal with a bad offset", fields.Marshal(b), error(wire.ErrOffset))
	}
	check(t, "Marshal into seven bytes", fields.Marshal(b[:7]), error(wire.ErrShortBuffer))
}
