// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"protean/proto/wire"
)

// unhex decodes hexadecimal text with spaces, newlines and, on each line, a
// comment after "//".
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// check reports a field that does not have the wanted value.
func check[T comparable](t testing.TB, field string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", field, got, want)
	}
}

func checkBytes(t testing.TB, field string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s\n got %x\nwant %x", field, got, want)
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// goldenIPv4 is a packet with every field set and one option.
const goldenIPv4 = `
	46            // version 4, IHL 6
	b9            // DSCP 46 (EF), ECN 1 (ECT(1))
	00 1c         // total length 28
	12 34         // identification
	20 b9         // MF, offset 185 * 8 = 1480
	40            // TTL 64
	fd            // protocol 253
	c4 fe         // header checksum
	c0 00 02 01   // source 192.0.2.1
	c6 33 64 07   // destination 198.51.100.7
	94 04 00 00   // router alert, value 0
	de ad be ef   // payload`

func TestIPv4GoldenPacket(t *testing.T) {
	b := unhex(t, goldenIPv4)
	ip, bad := wire.ParseIPv4(b)
	if bad != wire.NotMalformed {
		t.Fatal(bad)
	}
	check(t, "Version", ip.Version(), 4)
	check(t, "HeaderLen", ip.HeaderLen(), 24)
	check(t, "TOS", ip.TOS(), 0xb9)
	check(t, "DSCP", ip.DSCP(), 46)
	check(t, "ECN", ip.ECN(), 1)
	check(t, "TotalLen", ip.TotalLen(), 28)
	check(t, "ID", ip.ID(), 0x1234)
	check(t, "DontFragment", ip.DontFragment(), false)
	check(t, "MoreFragments", ip.MoreFragments(), true)
	check(t, "FragmentOffset", ip.FragmentOffset(), 1480)
	check(t, "IsFragment", ip.IsFragment(), true)
	check(t, "TTL", ip.TTL(), 64)
	check(t, "Protocol", ip.Protocol(), wire.ProtoExperimental1)
	check(t, "Checksum", ip.Checksum(), 0xc4fe)
	check(t, "Src", ip.Src(), addr("192.0.2.1"))
	check(t, "Dst", ip.Dst(), addr("198.51.100.7"))
	checkBytes(t, "Options", ip.Options(), []byte{0x94, 4, 0, 0})
	checkBytes(t, "Header", ip.Header(), b[:24])
	checkBytes(t, "Payload", ip.Payload(), []byte{0xde, 0xad, 0xbe, 0xef})

	f := wire.IPv4Fields{
		TOS: 0xb9, ID: 0x1234, MoreFragments: true, FragmentOffset: 1480,
		TTL: 64, Protocol: 253, Src: addr("192.0.2.1"), Dst: addr("198.51.100.7"),
		Options: wire.AppendIPv4RouterAlert(nil, 0), PayloadLen: 4,
	}
	built := bytes.Repeat([]byte{0xaa}, f.Len())
	if err := f.Marshal(built); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "Marshal", built, b[:24])
}

func TestIPv4Gate(t *testing.T) {
	edit := func(f func(b []byte) []byte) []byte { return f(unhex(t, goldenIPv4)) }
	fix := func(b []byte) []byte { wire.IPv4(b).FillChecksum(); return b }
	tests := []struct {
		name   string
		b      []byte
		want   wire.Malformed
		quoted wire.Malformed
	}{
		{"nothing is too short", nil, wire.TooShort, wire.TooShort},
		{"19 bytes are too short", edit(func(b []byte) []byte { return b[:19] }), wire.TooShort, wire.TooShort},
		{"version 6", edit(func(b []byte) []byte { b[0] = 0x66; return b }), wire.BadVersion, wire.BadVersion},
		{"header length 16", edit(func(b []byte) []byte { b[0] = 0x44; return b }), wire.BadHeaderLen, wire.BadHeaderLen},
		{"header length 0", edit(func(b []byte) []byte { b[0] = 0x40; return b }), wire.BadHeaderLen, wire.BadHeaderLen},
		{"total length below header length", edit(func(b []byte) []byte { b[3] = 23; return fix(b) }), wire.BadTotalLen, wire.NotMalformed},
		{"total length 0", edit(func(b []byte) []byte { b[3] = 0; return fix(b) }), wire.BadTotalLen, wire.NotMalformed},
		{"one byte is missing", edit(func(b []byte) []byte { return b[:27] }), wire.Truncated, wire.NotMalformed},
		{"header cut off in its options", edit(func(b []byte) []byte { return b[:23] }), wire.Truncated, wire.Truncated},
		{"a flipped bit in the options", edit(func(b []byte) []byte { b[23] ^= 1; return b }), wire.BadChecksum, wire.NotMalformed},
		{"a flipped bit in the payload is not its business", edit(func(b []byte) []byte { b[24] ^= 1; return b }), wire.NotMalformed, wire.NotMalformed},
		{"no payload", edit(func(b []byte) []byte { b[3] = 24; return fix(b)[:24] }), wire.NotMalformed, wire.NotMalformed},
		{"link-layer padding", edit(func(b []byte) []byte { return append(b, make([]byte, 18)...) }), wire.NotMalformed, wire.NotMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ip, bad := wire.ParseIPv4(tt.b)
			check(t, "ParseIPv4", bad, tt.want)
			if bad == wire.NotMalformed {
				check(t, "len(view)", len(ip), ip.TotalLen())
				check(t, "cap(view)", cap(ip), len(ip))
			} else if ip != nil {
				t.Error("a view of a refused packet")
			}
			_, bad = wire.ParseIPv4Quoted(tt.b)
			check(t, "ParseIPv4Quoted", bad, tt.quoted)
		})
	}
}

func TestIPv4SettersSetTheirFieldAlone(t *testing.T) {
	tests := []struct {
		name  string
		set   func(ip wire.IPv4)
		check func(t *testing.T, ip wire.IPv4)
		bytes []int // the bytes that may change
	}{
		{"TOS", func(ip wire.IPv4) { ip.SetTOS(0x12) }, func(t *testing.T, ip wire.IPv4) { check(t, "TOS", ip.TOS(), 0x12) }, []int{1}},
		{"TotalLen", func(ip wire.IPv4) { ip.SetTotalLen(0xfedc) }, func(t *testing.T, ip wire.IPv4) { check(t, "TotalLen", ip.TotalLen(), 0xfedc) }, []int{2, 3}},
		{"ID", func(ip wire.IPv4) { ip.SetID(0xfedc) }, func(t *testing.T, ip wire.IPv4) { check(t, "ID", ip.ID(), 0xfedc) }, []int{4, 5}},
		{"DontFragment", func(ip wire.IPv4) { ip.SetDontFragment(true) }, func(t *testing.T, ip wire.IPv4) {
			check(t, "DontFragment", ip.DontFragment(), true)
			check(t, "MoreFragments", ip.MoreFragments(), true)
			check(t, "FragmentOffset", ip.FragmentOffset(), 1480)
		}, []int{6}},
		{"MoreFragments", func(ip wire.IPv4) { ip.SetMoreFragments(false) }, func(t *testing.T, ip wire.IPv4) {
			check(t, "MoreFragments", ip.MoreFragments(), false)
			check(t, "IsFragment", ip.IsFragment(), true)
		}, []int{6}},
		{"FragmentOffset", func(ip wire.IPv4) { ip.SetFragmentOffset(65528) }, func(t *testing.T, ip wire.IPv4) {
			check(t, "FragmentOffset", ip.FragmentOffset(), 65528)
			check(t, "MoreFragments", ip.MoreFragments(), true)
		}, []int{6, 7}},
		{"TTL", func(ip wire.IPv4) { ip.SetTTL(1) }, func(t *testing.T, ip wire.IPv4) { check(t, "TTL", ip.TTL(), 1) }, []int{8}},
		{"Protocol", func(ip wire.IPv4) { ip.SetProtocol(89) }, func(t *testing.T, ip wire.IPv4) { check(t, "Protocol", ip.Protocol(), wire.ProtoOSPF) }, []int{9}},
		{"Src", func(ip wire.IPv4) { ip.SetSrc(addr("1.2.3.4")) }, func(t *testing.T, ip wire.IPv4) { check(t, "Src", ip.Src(), addr("1.2.3.4")) }, []int{12, 13, 14, 15}},
		{"Dst", func(ip wire.IPv4) { ip.SetDst(addr("1.2.3.4")) }, func(t *testing.T, ip wire.IPv4) { check(t, "Dst", ip.Dst(), addr("1.2.3.4")) }, []int{16, 17, 18, 19}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := unhex(t, goldenIPv4)
			ip := wire.IPv4(bytes.Clone(before))
			tt.set(ip)
			tt.check(t, ip)
			for _, i := range tt.bytes {
				before[i] = ip[i]
			}
			checkBytes(t, "bytes", ip, before)
		})
	}
}

func TestIPv4BuilderRefuses(t *testing.T) {
	good := wire.IPv4Fields{Src: addr("192.0.2.1"), Dst: addr("192.0.2.2")}
	tests := []struct {
		name string
		edit func(f *wire.IPv4Fields)
		room int
		want error
	}{
		{"nothing: it is good", func(f *wire.IPv4Fields) {}, 20, nil},
		{"a buffer one byte short", func(f *wire.IPv4Fields) {}, 19, wire.ErrShortBuffer},
		{"a buffer without room for option padding", func(f *wire.IPv4Fields) { f.Options = []byte{1} }, 23, wire.ErrShortBuffer},
		{"41 bytes of options", func(f *wire.IPv4Fields) { f.Options = make([]byte, 41) }, 100, wire.ErrOptions},
		{"not 40 bytes of options", func(f *wire.IPv4Fields) { f.Options = make([]byte, 40) }, 60, nil},
		{"a packet of 65536 bytes", func(f *wire.IPv4Fields) { f.PayloadLen = 65516 }, 20, wire.ErrLength},
		{"not one of 65535", func(f *wire.IPv4Fields) { f.PayloadLen = 65515 }, 20, nil},
		{"a negative payload length", func(f *wire.IPv4Fields) { f.PayloadLen = -1 }, 20, wire.ErrLength},
		{"an offset that is no multiple of 8", func(f *wire.IPv4Fields) { f.FragmentOffset = 12 }, 20, wire.ErrOffset},
		{"an offset of 65536", func(f *wire.IPv4Fields) { f.FragmentOffset = 65536 }, 20, wire.ErrOffset},
		{"a negative offset", func(f *wire.IPv4Fields) { f.FragmentOffset = -8 }, 20, wire.ErrOffset},
		{"no source", func(f *wire.IPv4Fields) { f.Src = netip.Addr{} }, 20, wire.ErrAddress},
		{"an IPv6 destination", func(f *wire.IPv4Fields) { f.Dst = addr("::1") }, 20, wire.ErrAddress},
		{"an IPv4-mapped destination", func(f *wire.IPv4Fields) { f.Dst = addr("::ffff:192.0.2.1") }, 20, wire.ErrAddress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := good
			tt.edit(&f)
			if err := f.Marshal(make([]byte, tt.room)); err != tt.want {
				t.Errorf("Marshal: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestIPv4BuilderPadsOptionsWithZeros(t *testing.T) {
	f := wire.IPv4Fields{Src: addr("192.0.2.1"), Dst: addr("192.0.2.2"), Options: wire.AppendIPv4RecordRoute(nil, 1)}
	b := bytes.Repeat([]byte{0xff}, 30)
	if err := f.Marshal(b); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "options", b[20:28], []byte{7, 7, 4, 0, 0, 0, 0, 0})
	check(t, "bytes behind the header", binary.BigEndian.Uint16(b[28:]), 0xffff)
}
