// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"net/netip"
	"testing"

	"protean/proto/wire"
)

const goldenUDP = `
	c0 00      // source port 49152
	00 35      // destination port 53
	00 0b      // length 11
	f7 3b      // checksum between 192.0.2.1 and 192.0.2.2
	61 62 63   // payload`

func TestUDPGoldenDatagram(t *testing.T) {
	b := unhex(t, goldenUDP)
	src, dst := addr("192.0.2.1"), addr("192.0.2.2")
	d, bad := wire.ParseUDP(b, src, dst)
	if bad != wire.NotMalformed {
		t.Fatal(bad)
	}
	check(t, "SrcPort", d.SrcPort(), 49152)
	check(t, "DstPort", d.DstPort(), 53)
	check(t, "Length", d.Length(), 11)
	check(t, "Checksum", d.Checksum(), 0xf73b)
	checkBytes(t, "Payload", d.Payload(), []byte("abc"))

	f := wire.UDPFields{SrcPort: 49152, DstPort: 53, Payload: []byte("abc")}
	built := make([]byte, f.Len())
	if err := f.Marshal(built, src, dst); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "Marshal", built, b)
}

func TestUDPGate(t *testing.T) {
	v4, v6 := addr("192.0.2.1"), addr("2001:db8::1")
	build := func(a netip.Addr, edit func(d wire.UDP)) []byte {
		f := wire.UDPFields{SrcPort: 1, DstPort: 2, Payload: []byte("abc")}
		b := make([]byte, f.Len())
		if err := f.Marshal(b, a, a); err != nil {
			t.Fatal(err)
		}
		edit(b)
		return b
	}
	as := func(d wire.UDP) {}
	tests := []struct {
		name   string
		b      []byte
		addr   netip.Addr
		want   wire.Malformed
		quoted wire.Malformed
	}{
		{"seven bytes", make([]byte, 7), v4, wire.TooShort, wire.TooShort},
		{"as built over IPv4", build(v4, as), v4, wire.NotMalformed, wire.NotMalformed},
		{"as built over IPv6", build(v6, as), v6, wire.NotMalformed, wire.NotMalformed},
		{"between other addresses", build(v4, as), addr("192.0.2.2"), wire.BadChecksum, wire.NotMalformed},
		{"length 7", build(v4, func(d wire.UDP) { d.SetLength(7) }), v4, wire.BadTotalLen, wire.BadTotalLen},
		{"length 0", build(v6, func(d wire.UDP) { d.SetLength(0) }), v6, wire.BadTotalLen, wire.BadTotalLen},
		{"a byte is missing", build(v4, as)[:10], v4, wire.Truncated, wire.NotMalformed},
		{"bytes behind it", append(build(v4, as), 1, 2), v4, wire.NotMalformed, wire.NotMalformed},
		{"a flipped bit", build(v4, func(d wire.UDP) { d[9] ^= 1 }), v4, wire.BadChecksum, wire.NotMalformed},
		{"no checksum over IPv4", build(v4, func(d wire.UDP) { d.SetChecksum(0) }), v4, wire.NotMalformed, wire.NotMalformed},
		{"no checksum over IPv6", build(v6, func(d wire.UDP) { d.SetChecksum(0) }), v6, wire.BadChecksum, wire.NotMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, bad := wire.ParseUDP(tt.b, tt.addr, tt.addr)
			check(t, "ParseUDP", bad, tt.want)
			if bad == wire.NotMalformed {
				check(t, "len(view)", len(d), 11)
			}
			_, bad = wire.ParseUDPQuoted(tt.b)
			check(t, "ParseUDPQuoted", bad, tt.quoted)
		})
	}
}

// A checksum that comes out as zero goes out as 0xffff.
func TestUDPChecksumIsNeverSentAsZero(t *testing.T) {
	a := addr("192.0.2.1")
	f := wire.UDPFields{SrcPort: 1, DstPort: 2, Payload: []byte{0, 0}}
	b := make([]byte, f.Len())
	if err := f.Marshal(b, a, a); err != nil {
		t.Fatal(err)
	}
	sum := wire.UDP(b).Checksum() // data that makes the whole sum up to 0xffff
	f.Payload = []byte{byte(sum >> 8), byte(sum)}
	if err := f.Marshal(b, a, a); err != nil {
		t.Fatal(err)
	}
	check(t, "Checksum", wire.UDP(b).Checksum(), 0xffff)
	_, bad := wire.ParseUDP(b, a, a)
	check(t, "ParseUDP", bad, wire.NotMalformed)
}

func TestUDPBuilder(t *testing.T) {
	v4, v6 := addr("192.0.2.1"), addr("2001:db8::1")
	none := wire.UDPFields{NoChecksum: true}
	big := wire.UDPFields{Payload: make([]byte, 65528)}
	b := make([]byte, 70000)
	check(t, "no checksum over IPv4", none.Marshal(b, v4, v4), nil)
	check(t, "its checksum", wire.UDP(b).Checksum(), 0)
	check(t, "no checksum over IPv6", none.Marshal(b, v6, v6), error(wire.ErrField))
	check(t, "addresses of two families", none.Marshal(b, v4, v6), error(wire.ErrAddress))
	check(t, "no addresses", none.Marshal(b, netip.Addr{}, netip.Addr{}), error(wire.ErrAddress))
	check(t, "a short buffer", none.Marshal(b[:7], v4, v4), error(wire.ErrShortBuffer))
	check(t, "65536 bytes", big.Marshal(b, v4, v4), error(wire.ErrLength))

	d := wire.UDP(b[:8])
	d.SetSrcPort(0x1234)
	d.SetDstPort(0x5678)
	check(t, "SrcPort", d.SrcPort(), 0x1234)
	check(t, "DstPort", d.DstPort(), 0x5678)
}
