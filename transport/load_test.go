// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"protean/proto/wire"
)

// ipv4 is an IPv4 packet with a right checksum over the header that edit made.
func ipv4(payload int, options []byte, edit func(b []byte)) []byte {
	b := make([]byte, 20+len(options)+payload)
	copy(b, []byte{0x40 | byte(5+len(options)/4), 0xb8, 0, 0, 0x12, 0x34, 0x40, 0, 17, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[20:], options)
	if edit != nil {
		edit(b)
	}
	sum := uint32(0)
	for i := 0; i+1 < len(b) && i < int(b[0]&15)*4; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	return b
}

// ipv6 is an IPv6 packet whose first next header is next, with the bytes rest
// behind the fixed header.
func ipv6(next uint8, rest []byte) []byte {
	b := make([]byte, 40, 40+len(rest))
	copy(b, []byte{0x6b, 0x81, 0x23, 0x45, byte(len(rest) >> 8), byte(len(rest)), next, 17})
	copy(b[8:], netip.MustParseAddr("fd00::1").AsSlice())
	copy(b[24:], netip.MustParseAddr("fd00::2").AsSlice())
	return append(b, rest...)
}

func TestLoadRefusesHeadersThatCannotBeTrusted(t *testing.T) {
	nop := bytes.Repeat([]byte{1}, 8)
	cases := map[string]struct {
		b    []byte
		a    Arrival
		want wire.Malformed
	}{
		"nothing":                         {b: nil, want: wire.TooShort},
		"19 bytes":                        {b: ipv4(0, nil, nil)[:19], want: wire.TooShort},
		"version 5":                       {b: ipv4(0, nil, func(b []byte) { b[0] = 0x55 }), want: wire.BadVersion},
		"IHL of 4":                        {b: ipv4(8, nil, func(b []byte) { b[0] = 0x44 }), want: wire.BadHeaderLen},
		"total length below the header":   {b: ipv4(8, nop, func(b []byte) { b[3] = 27 }), want: wire.BadTotalLen},
		"total length beyond the bytes":   {b: ipv4(8, nil, func(b []byte) { b[3] = 29 }), want: wire.Truncated},
		"header beyond the bytes":         {b: ipv4(0, nop, nil)[:24], a: Arrival{Len: 28}, want: wire.Truncated},
		"checksum off by one":             {b: flip(ipv4(8, nil, nil), 11, 1), want: wire.BadChecksum},
		"a flipped bit in the options":    {b: flip(ipv4(8, nop, nil), 27, 0x80), want: wire.BadChecksum},
		"IPv6 of 39 bytes":                {b: ipv6(253, nil)[:39], want: wire.TooShort},
		"IPv6 payload beyond the bytes":   {b: flip(ipv6(253, nil), 5, 1), want: wire.Truncated},
		"IPv6 jumbogram":                  {b: append(ipv6(0, nil), make([]byte, 70000)...), want: wire.Jumbogram},
		"IPv6 extension cut off":          {b: ipv6(60, []byte{253, 1, 0, 0, 0, 0, 0, 0}), want: wire.BadExtension},
		"IPv6 hop-by-hop in second place": {b: ipv6(60, []byte{0, 0, 1, 4, 0, 0, 0, 0, 253, 0, 1, 4, 0, 0, 0, 0}), want: wire.BadExtension},
	}
	for name, c := range cases {
		var p Packet
		if got := p.Load(c.b, c.a); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func flip(b []byte, i int, bit byte) []byte {
	b[i] ^= bit
	return b
}

func TestLoadReadsAnIPv4Header(t *testing.T) {
	opts := []byte{148, 4, 0, 0}
	b := append(ipv4(10, opts, nil), 0, 0, 0) // link-layer padding
	var p Packet
	if m := p.Load(b, Arrival{Time: 5, IfIndex: 7, FragSize: 9, Flags: TimeKernel.Flag() | PacketBroadcast.Flag() | ChecksumPartial.Flag() | FlagVLAN}); m != 0 {
		t.Fatal(m)
	}
	if p.Version() != 4 || p.Is6() || p.Protocol() != 253 || p.HeaderLen() != 24 || len(p.Payload()) != 10 || len(p.Header()) != 24 ||
		p.Src() != netip.MustParseAddr("10.0.0.1") || p.Dst() != netip.MustParseAddr("10.0.0.2") ||
		p.TTL() != 17 || p.TOS() != 0xb8 || p.ID() != 0x1234 || !p.DontFragment() || p.FlowLabel() != 0 ||
		!bytes.Equal(p.Options(), opts) || p.Ext() != nil || p.Fragment() || p.Truncated() || !p.VLAN() ||
		p.Type() != PacketBroadcast || p.Checksum() != ChecksumPartial || p.Time().UnixNano() != 5 || p.UnixNano() != 5 ||
		p.TimeSource() != TimeKernel || p.IfIndex != 7 || p.FragSize != 9 || p.Len != 34 || len(p.Data) != 34 || !p.Known(FieldsAll4) {
		t.Errorf("read %+v", p)
	}
}

func TestLoadReadsAnIPv6HeaderAndItsChain(t *testing.T) {
	ext := []byte{253, 0, 1, 4, 0, 0, 0, 0}
	var p Packet
	if m := p.Load(ipv6(60, append(ext, 'x')), Arrival{Flags: Unknown(FieldExt | FieldTTL)}); m != 0 {
		t.Fatal(m)
	}
	if p.Version() != 6 || !p.Is6() || p.Protocol() != 253 || p.HeaderLen() != 48 || string(p.Payload()) != "x" ||
		p.Src() != netip.MustParseAddr("fd00::1") || p.Dst() != netip.MustParseAddr("fd00::2") ||
		p.TTL() != 17 || p.TOS() != 0xb8 || p.ID() != 0 || !p.DontFragment() || p.FlowLabel() != 0x12345 ||
		p.Options() != nil || !bytes.Equal(p.Ext(), ext) || p.Fragment() || !p.Time().IsZero() ||
		p.Known(FieldExt) || p.Known(FieldTTL|FieldTOS) || !p.Known(FieldTOS|FieldDst) {
		t.Errorf("read %+v", p)
	}
}

func TestLoadTellsFragments(t *testing.T) {
	frag := func(word uint16) []byte {
		f := []byte{253, 0, 0, 0, 0, 0, 0, 1, 'x'}
		binary.BigEndian.PutUint16(f[2:], word)
		return ipv6(44, f)
	}
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{
		"IPv4 whole":                 {ipv4(8, nil, nil), false},
		"IPv4 first":                 {ipv4(8, nil, func(b []byte) { b[6] = 0x20 }), true},
		"IPv4 last":                  {ipv4(8, nil, func(b []byte) { b[6], b[7] = 0, 3 }), true},
		"IPv6 atomic":                {frag(0), false},
		"IPv6 first":                 {frag(1), true},
		"IPv6 last":                  {frag(8), true},
		"IPv6 atomic, reserved bits": {frag(6), false},
	} {
		var p Packet
		if m := p.Load(c.b, Arrival{}); m != 0 {
			t.Errorf("%s: %v", name, m)
		} else if p.Fragment() != c.want || p.Protocol() != 253 {
			t.Errorf("%s: fragment %v of protocol %d, want %v of 253", name, p.Fragment(), p.Protocol(), c.want)
		}
	}
}

func TestLoadKeepsWhatWasCapturedOfATruncatedPacket(t *testing.T) {
	for _, b := range [][]byte{ipv4(100, nil, nil), ipv6(253, make([]byte, 80))} {
		var p Packet
		if m := p.Load(b[:60], Arrival{Len: 120}); m != 0 {
			t.Fatal(m)
		}
		if !p.Truncated() || p.Len != 120 || len(p.Data) != 60 {
			t.Errorf("truncated %v, length %d of %d; want 60 of 120", p.Truncated(), len(p.Data), p.Len)
		}
	}
}

func TestVerifiedHeadersAreNotVerifiedAgain(t *testing.T) {
	var p Packet
	if m := p.Load(flip(ipv4(8, nil, nil), 11, 1), Arrival{Flags: FlagHeaderVerified}); m != 0 {
		t.Error(m)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	b := ipv4(8, nil, nil)
	var p Packet
	p.Load(b, Arrival{IfIndex: 3})
	c := p.Clone()
	clear(b)
	p = Packet{}
	if c.Protocol() != 253 || c.IfIndex != 3 || c.TTL() != 17 || len(c.Payload()) != 8 {
		t.Error("the clone changed with the original")
	}
}

func TestPacketFitsACacheLine(t *testing.T) {
	if n := unsafe.Sizeof(Packet{}); n > 48 {
		t.Errorf("Packet has %d bytes, want 48", n)
	}
}

// TestChecksumAgreesWithADefinition compares the unrolled sum with RFC 1071's
// words over random headers, right and wrong.
func TestChecksumAgreesWithADefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		b := ipv4(rng.IntN(9), make([]byte, 4*rng.IntN(11)), func(b []byte) {
			for i := 12; i < int(b[0]&15)*4; i++ {
				b[i] = byte(rng.Uint32()) | byte(-int8(rng.IntN(2)))
			}
		})
		if rng.IntN(2) == 0 {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		ihl := int(b[0]&15) * 4
		if b[0]>>4 != 4 || ihl < 20 || int(binary.BigEndian.Uint16(b[2:])) != len(b) || ihl > len(b) {
			continue
		}
		sum := uint32(0)
		for i := 0; i < ihl; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		want := wire.BadChecksum
		if sum == 0xffff {
			want = wire.NotMalformed
		}
		var p Packet
		if got := p.Load(b, Arrival{}); got != want {
			t.Fatalf("% x: %v, want %v", b, got, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(ipv4(8, nil, nil), uint32(0))
	f.Add(ipv4(8, bytes.Repeat([]byte{1}, 40), nil)[:60], uint32(68)) // truncated, longest options
	f.Add(ipv6(253, make([]byte, 8)), uint32(0))
	f.Add(ipv6(0, []byte{44, 0, 1, 4, 0, 0, 0, 0, 253, 0, 0, 1, 0, 0, 0, 1}), uint32(0)) // a chain with a fragment header
	f.Fuzz(func(t *testing.T, b []byte, length uint32) {
		own := append([]byte(nil), b...)
		var p Packet
		m := p.Load(own[:len(own):len(own)], Arrival{Len: length, Flags: FlagHeaderVerified})
		if !bytes.Equal(own, b) {
			t.Fatal("Load changed the bytes")
		}
		if m != 0 {
			return
		}
		if len(p.Data) > len(b) || p.HeaderLen() > len(p.Data) || int(p.Len) < len(p.Data) || p.Truncated() != (int(p.Len) > len(p.Data)) {
			t.Fatalf("%d bytes gave %d of %d with a header of %d", len(b), len(p.Data), p.Len, p.HeaderLen())
		}
		p.Src()
		p.Dst()
		p.TTL()
		p.TOS()
		p.ID()
		p.DontFragment()
		p.FlowLabel()
		p.Options()
		p.Ext()
		p.Clone()
		if len(p.Header())+len(p.Payload()) != len(p.Data) {
			t.Fatal("header and payload are not the packet")
		}
	})
}

// BenchmarkLoad validates 60-byte packets in a block, header checksum
// included.
func BenchmarkLoad(b *testing.B) {
	for name, one := range map[string][]byte{"v4": ipv4(40, nil, nil), "v6": ipv6(253, make([]byte, 20))} {
		b.Run(name, func(b *testing.B) {
			block := bytes.Repeat(append(one, 0, 0, 0, 0), 1024)
			var p Packet
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				o := i & 1023 * 64
				if p.Load(block[o:o+64], Arrival{Time: 1, IfIndex: 2}) != 0 {
					b.Fatal("refused")
				}
			}
		})
	}
}

// A packet that is loaded as predicted is the same as when Load has looked at it.
func TestAPredictedPacketIsAsLoaded(t *testing.T) {
	for _, b := range [][]byte{ipv4(28, nil, nil), ipv6(253, make([]byte, 28))} {
		a := Arrival{Time: 7, IfIndex: 3, Flags: PacketHost.Flag() | TimeKernel.Flag() | FlagVLAN}
		var first, want, got Packet
		if m := first.Load(b, a); m != wire.NotMalformed {
			t.Fatal(m)
		}
		like, ok := first.Predict()
		if !ok {
			t.Fatal("nothing is predicted")
		}
		next := slices.Clone(b)
		next[len(next)-1]++
		a.Time = 8
		want.Load(next, a)
		got.LoadPredicted(&like, next, 8, 253)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestNothingIsPredictedFromAFragment(t *testing.T) {
	for _, b := range [][]byte{
		ipv4(28, nil, func(b []byte) { b[6] = 0x20 }),
		ipv6(wire.ExtFragment, []byte{253, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}),
	} {
		var p Packet
		if m := p.Load(b, Arrival{}); m != wire.NotMalformed || !p.Fragment() {
			t.Fatal(m)
		}
		if _, ok := p.Predict(); ok {
			t.Errorf("%x: packets like it are predicted", b)
		}
	}
}
