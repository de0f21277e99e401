// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"bytes"
	"net/netip"
	"testing"

	"protean/proto/wire"
)

func TestICMPv4EchoGolden(t *testing.T) {
	golden := unhex(t, `
		08 00         // echo request
		06 f4         // checksum
		12 34         // identifier
		00 07         // sequence number 7
		70 69 6e 67   // data`)
	e := wire.ICMPEcho{ID: 0x1234, Seq: 7, Data: []byte("ping")}
	b := make([]byte, e.Len())
	if err := e.MarshalV4(b); err != nil {
		t.Fatal(err)
	}
	m, bad := wire.ParseICMPv4(b)
	if bad != wire.NotMalformed {
		t.Fatal(bad)
	}
	checkBytes(t, "MarshalV4", b, golden)
	check(t, "Type", m.Type(), wire.ICMPv4Echo)
	check(t, "Code", m.Code(), 0)
	check(t, "Checksum", m.Checksum(), 0x06f4)
	check(t, "ID", m.ID(), 0x1234)
	check(t, "Seq", m.Seq(), 7)
	checkBytes(t, "Body", m.Body(), []byte("ping"))
	check(t, "IsError", m.IsError(), false)
	check(t, "Quoted", m.Quoted() == nil, true)

	// A responder turns the request round in place.
	m.SetType(wire.ICMPv4EchoReply)
	m.SetCode(0)
	m.SetID(1)
	m.SetSeq(2)
	m.FillChecksum()
	reply := wire.ICMPEcho{Reply: true, ID: 1, Seq: 2, Data: []byte("ping")}
	want := make([]byte, reply.Len())
	if err := reply.MarshalV4(want); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "reply", m, want)
	check(t, "a short buffer", reply.MarshalV4(want[:11]), error(wire.ErrShortBuffer))
}

func TestICMPv6EchoGolden(t *testing.T) {
	src, dst := addr("fe80::1"), addr("fe80::2")
	golden := unhex(t, `
		81 00         // echo reply
		90 a8         // checksum with pseudo header
		12 34         // identifier
		00 07         // sequence number 7
		70 69 6e 67   // data`)
	e := wire.ICMPEcho{Reply: true, ID: 0x1234, Seq: 7, Data: []byte("ping")}
	b := make([]byte, e.Len())
	if err := e.MarshalV6(b, src, dst); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "MarshalV6", b, golden)
	m, bad := wire.ParseICMPv6(golden, src, dst)
	if bad != wire.NotMalformed {
		t.Fatal(bad)
	}
	check(t, "Type", m.Type(), wire.ICMPv6EchoReply)
	check(t, "ID", m.ID(), 0x1234)
	check(t, "Seq", m.Seq(), 7)
	checkBytes(t, "Body", m.Body(), []byte("ping"))
	check(t, "IsError", m.IsError(), false)

	m.SetType(wire.ICMPv6Echo)
	m.SetCode(0)
	m.SetID(1)
	m.SetSeq(2)
	m.FillChecksum(src, dst)
	request := wire.ICMPEcho{ID: 1, Seq: 2, Data: []byte("ping")}
	if err := request.MarshalV6(b, src, dst); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "request", m, b)
	check(t, "IPv4 addresses", e.MarshalV6(b, addr("192.0.2.1"), dst), error(wire.ErrAddress))
	check(t, "a short buffer", e.MarshalV6(b[:11], src, dst), error(wire.ErrShortBuffer))
}

func TestICMPGates(t *testing.T) {
	src, dst := addr("fe80::1"), addr("fe80::2")
	e := wire.ICMPEcho{Data: []byte("odd")}
	v4, v6 := make([]byte, e.Len()), make([]byte, e.Len())
	if err := e.MarshalV4(v4); err != nil {
		t.Fatal(err)
	}
	if err := e.MarshalV6(v6, src, dst); err != nil {
		t.Fatal(err)
	}
	_, bad := wire.ParseICMPv4(v4[:7])
	check(t, "seven bytes v4", bad, wire.TooShort)
	_, bad = wire.ParseICMPv4(v4[:10])
	check(t, "a byte less v4", bad, wire.BadChecksum)
	_, bad = wire.ParseICMPv4Quoted(v4[:10])
	check(t, "a byte less quoted v4", bad, wire.NotMalformed)
	_, bad = wire.ParseICMPv4Quoted(v4[:7])
	check(t, "seven bytes quoted v4", bad, wire.TooShort)
	_, bad = wire.ParseICMPv6(v6[:7], src, dst)
	check(t, "seven bytes v6", bad, wire.TooShort)
	_, bad = wire.ParseICMPv6(v6, src, addr("fe80::3"))
	check(t, "another destination v6", bad, wire.BadChecksum)
	_, bad = wire.ParseICMPv6Quoted(v6[:10])
	check(t, "a byte less quoted v6", bad, wire.NotMalformed)
	_, bad = wire.ParseICMPv6Quoted(v6[:7])
	check(t, "seven bytes quoted v6", bad, wire.TooShort)
}

func TestICMPv4Timestamp(t *testing.T) {
	ts := wire.ICMPTimestamp{Reply: true, ID: 1, Seq: 2, Originate: 3, Receive: 4, Transmit: 0x80000005}
	b := make([]byte, ts.Len())
	if err := ts.MarshalV4(b); err != nil {
		t.Fatal(err)
	}
	m, bad := wire.ParseICMPv4(b)
	check(t, "ParseICMPv4", bad, wire.NotMalformed)
	check(t, "Type", m.Type(), wire.ICMPv4TimestampReply)
	check(t, "ID", m.ID(), 1)
	check(t, "Seq", m.Seq(), 2)
	o, r, x, ok := m.Timestamps()
	if o != 3 || r != 4 || x != 0x80000005 || !ok {
		t.Errorf("Timestamps = %d, %d, %d, %v", o, r, x, ok)
	}
	if _, _, _, ok := m[:19].Timestamps(); ok {
		t.Error("timestamps in 19 bytes")
	}
	check(t, "a short buffer", ts.MarshalV4(b[:19]), error(wire.ErrShortBuffer))
	m.SetType(wire.ICMPv4Echo)
	if _, _, _, ok := m.Timestamps(); ok {
		t.Error("timestamps in an echo")
	}
}

func TestICMPv4Errors(t *testing.T) {
	quoted := unhex(t, goldenIPv4)
	tests := []struct {
		name    string
		e       wire.ICMPError
		rest    [4]byte
		mtu     int
		pointer int
	}{
		{"destination unreachable", wire.ICMPError{Type: 3, Code: wire.ICMPv4ProtoUnreachable}, [4]byte{}, 0, 0},
		{"fragmentation needed", wire.ICMPError{Type: 3, Code: wire.ICMPv4FragNeeded, MTU: 1400}, [4]byte{0, 0, 5, 120}, 1400, 0},
		{"source quench", wire.ICMPError{Type: wire.ICMPv4SourceQuench}, [4]byte{}, 0, 0},
		{"redirect", wire.ICMPError{Type: wire.ICMPv4Redirect, Code: 1, Gateway: addr("192.0.2.9")}, [4]byte{192, 0, 2, 9}, 0, 0},
		{"time exceeded", wire.ICMPError{Type: wire.ICMPv4TimeExceeded}, [4]byte{}, 0, 0},
		{"parameter problem", wire.ICMPError{Type: wire.ICMPv4ParamProblem, Pointer: 20}, [4]byte{20}, 0, 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.e.Quoted = quoted
			b := make([]byte, tt.e.LenV4())
			if err := tt.e.MarshalV4(b); err != nil {
				t.Fatal(err)
			}
			m, bad := wire.ParseICMPv4(b)
			check(t, "ParseICMPv4", bad, wire.NotMalformed)
			check(t, "Type", m.Type(), tt.e.Type)
			check(t, "Code", m.Code(), tt.e.Code)
			check(t, "IsError", m.IsError(), true)
			check(t, "rest of header", [4]byte(b[4:8]), tt.rest)
			check(t, "MTU", m.MTU(), tt.mtu)
			check(t, "Pointer", m.Pointer(), tt.pointer)
			gateway, ok := m.Gateway()
			check(t, "Gateway", gateway, tt.e.Gateway)
			check(t, "has Gateway", ok, tt.e.Gateway.IsValid())
			checkBytes(t, "Quoted", m.Quoted(), quoted)
			check(t, "Extensions", len(m.Extensions()), 0)
			ip, bad := wire.ParseIPv4Quoted(m.Quoted())
			check(t, "ParseIPv4Quoted", bad, wire.NotMalformed)
			check(t, "quoted protocol", ip.Protocol(), wire.ProtoExperimental1)
		})
	}
}

func TestICMPv6Errors(t *testing.T) {
	src, dst := addr("2001:db8::1"), addr("2001:db8::2")
	quoted := unhex(t, goldenIPv6)
	tests := []struct {
		name    string
		e       wire.ICMPError
		rest    [4]byte
		mtu     uint32
		pointer uint32
	}{
		{"destination unreachable", wire.ICMPError{Type: 1, Code: wire.ICMPv6AddrUnreachable}, [4]byte{}, 0, 0},
		{"packet too big", wire.ICMPError{Type: 2, MTU: 0x12345}, [4]byte{0, 1, 0x23, 0x45}, 0x12345, 0},
		{"time exceeded", wire.ICMPError{Type: 3}, [4]byte{}, 0, 0},
		{"parameter problem", wire.ICMPError{Type: 4, Code: wire.ICMPv6UnknownNextHeader, Pointer: 1280}, [4]byte{0, 0, 5, 0}, 0, 1280},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.e.Quoted = quoted
			b := make([]byte, tt.e.LenV6())
			if err := tt.e.MarshalV6(b, src, dst); err != nil {
				t.Fatal(err)
			}
			m, bad := wire.ParseICMPv6(b, src, dst)
			check(t, "ParseICMPv6", bad, wire.NotMalformed)
			check(t, "Type", m.Type(), tt.e.Type)
			check(t, "Code", m.Code(), tt.e.Code)
			check(t, "IsError", m.IsError(), true)
			check(t, "rest of header", [4]byte(b[4:8]), tt.rest)
			check(t, "MTU", m.MTU(), tt.mtu)
			check(t, "Pointer", m.Pointer(), tt.pointer)
			checkBytes(t, "Quoted", m.Quoted(), quoted)
			check(t, "Extensions", len(m.Extensions()), 0)
		})
	}
}

func TestICMPErrorExtensions(t *testing.T) {
	src, dst := addr("2001:db8::1"), addr("2001:db8::2")
	ext := unhex(t, `
		20 00 97 db   // version 2, checksum
		00 08 01 01   // length 8, class 1 (MPLS), type 1
		06 1a 41 01   // label 25000, S, TTL 1`)
	for _, n := range []int{0, 28, 128, 129, 500} {
		quoted := bytes.Repeat([]byte{0x45}, n)
		e := wire.ICMPError{Type: wire.ICMPv4TimeExceeded, Quoted: quoted, Extensions: ext}
		b := bytes.Repeat([]byte{0xaa}, e.LenV4())
		if err := e.MarshalV4(b); err != nil {
			t.Fatal(err)
		}
		m, bad := wire.ParseICMPv4(b)
		check(t, "ParseICMPv4", bad, wire.NotMalformed)
		checkBytes(t, "Extensions v4", m.Extensions(), ext)
		checkBytes(t, "Quoted v4", m.Quoted()[:n], quoted)
		check(t, "padded to 128 bytes and words", len(m.Quoted()), max(128, (n+3)/4*4))
		checkBytes(t, "padding v4", m.Quoted()[n:], make([]byte, len(m.Quoted())-n))

		e.Type = wire.ICMPv6TimeExceeded
		b = bytes.Repeat([]byte{0xaa}, e.LenV6())
		if err := e.MarshalV6(b, src, dst); err != nil {
			t.Fatal(err)
		}
		m6, bad := wire.ParseICMPv6(b, src, dst)
		check(t, "ParseICMPv6", bad, wire.NotMalformed)
		checkBytes(t, "Extensions v6", m6.Extensions(), ext)
		checkBytes(t, "Quoted v6", m6.Quoted()[:n], quoted)
		check(t, "padded to 128 bytes and 64-bit words", len(m6.Quoted()), max(128, (n+7)/8*8))
	}

	// A length field that reaches to the end of the message or past it is a
	// lie or leaves no room for extensions: all of the body is the quote.
	lie := wire.ICMPv4(make([]byte, 8+128))
	lie[0] = wire.ICMPv4TimeExceeded
	for _, words := range []byte{32, 33, 255} {
		lie[5] = words
		check(t, "Quoted with a lying length", len(lie.Quoted()), 128)
		check(t, "no Extensions with a lying length", lie.Extensions() == nil, true)
	}
	lie[0], lie[5] = wire.ICMPv4Redirect, 1
	check(t, "Quoted of a type without length field", len(lie.Quoted()), 128)
}

func TestICMPErrorBuilderRefuses(t *testing.T) {
	v6 := addr("::1")
	gw := addr("192.0.2.1")
	ext := make([]byte, 4)
	tests := []struct {
		name   string
		e      wire.ICMPError
		wantV4 error
		wantV6 error
	}{
		{"an echo", wire.ICMPError{Type: 8}, wire.ErrField, wire.ErrField},
		{"an ICMPv6 informational message", wire.ICMPError{Type: 128}, wire.ErrField, wire.ErrField},
		{"an MTU where there is no place", wire.ICMPError{Type: 3, MTU: 1}, wire.ErrField, wire.ErrField},
		{"an MTU of 65536", wire.ICMPError{Type: 3, Code: 4, MTU: 65536}, wire.ErrField, wire.ErrField},
		{"a pointer where there is no place", wire.ICMPError{Type: 3, Pointer: 1}, wire.ErrField, wire.ErrField},
		{"a pointer of 256", wire.ICMPError{Type: 12, Pointer: 256}, wire.ErrField, wire.ErrField},
		{"a gateway where there is no place", wire.ICMPError{Type: 3, Gateway: gw}, wire.ErrField, wire.ErrField},
		{"a redirect without gateway", wire.ICMPError{Type: 5}, wire.ErrAddress, wire.ErrField},
		{"a redirect to an IPv6 gateway", wire.ICMPError{Type: 5, Gateway: v6}, wire.ErrAddress, wire.ErrField},
		{"extensions where there is no place", wire.ICMPError{Type: 5, Gateway: gw, Extensions: ext}, wire.ErrField, wire.ErrField},
		{"extensions of packet too big", wire.ICMPError{Type: 2, Extensions: ext}, wire.ErrField, wire.ErrField},
		{"extensions behind 1021 bytes", wire.ICMPError{Type: 3, Quoted: make([]byte, 1021), Extensions: ext}, wire.ErrLength, nil},
		{"extensions behind 2041 bytes", wire.ICMPError{Type: 3, Quoted: make([]byte, 2041), Extensions: ext}, wire.ErrLength, wire.ErrLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := make([]byte, 4096)
			if err := tt.e.MarshalV4(b); err != tt.wantV4 {
				t.Errorf("MarshalV4: %v, want %v", err, tt.wantV4)
			}
			if err := tt.e.MarshalV6(b, v6, v6); err != tt.wantV6 {
				t.Errorf("MarshalV6: %v, want %v", err, tt.wantV6)
			}
		})
	}
	e := wire.ICMPError{Type: 3, Quoted: make([]byte, 28)}
	check(t, "MarshalV4 into 35 bytes", e.MarshalV4(make([]byte, 35)), error(wire.ErrShortBuffer))
	check(t, "MarshalV6 into 35 bytes", e.MarshalV6(make([]byte, 35), v6, v6), error(wire.ErrShortBuffer))
	check(t, "MarshalV6 without addresses", e.MarshalV6(make([]byte, 36), netip.Addr{}, v6), error(wire.ErrAddress))
}

func TestICMPv6Redirect(t *testing.T) {
	b := make([]byte, 40)
	b[0] = wire.ICMPv6Redirect
	b[8], b[23], b[24], b[39] = 0xfe, 1, 0x20, 2
	target, dst, ok := wire.ICMPv6(b).Redirect()
	check(t, "target", target, addr("fe00::1"))
	check(t, "destination", dst, addr("2000::2"))
	check(t, "ok", ok, true)
	_, _, ok = wire.ICMPv6(b[:39]).Redirect()
	check(t, "39 bytes", ok, false)
	check(t, "Quoted", wire.ICMPv6(b).Quoted() == nil, true)
}
