// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"bytes"
	"testing"

	"protean/proto/wire"
)

func TestMarshalExtChainsHeaders(t *testing.T) {
	segments := make([]byte, 2+4+16) // type, segments left, reserved, one address
	segments[1] = 1
	exts := []wire.Ext{
		{Type: wire.ExtHopByHop, Data: wire.AppendIPv6RouterAlert(nil, 0)},
		{Type: wire.ExtRouting, Data: segments},
		{Type: wire.ExtFragment, Data: []byte{0, 1, 0, 0, 0, 9}},
		{Type: wire.ExtAH, Data: make([]byte, 22)},
		{Type: wire.ExtDestination, Data: wire.AppendIPv6Option(nil, 0x1e, []byte{1, 2, 3})},
	}
	check(t, "ExtLen", wire.ExtLen(exts), 8+24+8+24+8)
	b := bytes.Repeat([]byte{0xaa}, 73)
	first, n, err := wire.MarshalExt(b, exts, 253)
	if err != nil || n != 72 {
		t.Fatalf("MarshalExt: %d, %v", n, err)
	}
	check(t, "first", first, wire.ExtHopByHop)
	check(t, "the byte behind", b[72], 0xaa)
	checkBytes(t, "chain", b[:72], unhex(t, `
		2b 00 05 02 00 00 01 00   // hop-by-hop: router alert, PadN
		2c 02 00 01 00 00 00 00   // routing, 24 bytes
		00 00 00 00 00 00 00 00
		00 00 00 00 00 00 00 00
		33 00 00 01 00 00 00 09   // fragment: length byte reserved
		3c 04 00 00 00 00 00 00   // AH: (4+2)*4 = 24 bytes
		00 00 00 00 00 00 00 00
		00 00 00 00 00 00 00 00
		fd 00 1e 03 01 02 03 00   // destination options: one option, Pad1`))

	first, n, err = wire.MarshalExt(nil, nil, 253)
	if first != 253 || n != 0 || err != nil {
		t.Errorf("MarshalExt of nothing: %d, %d, %v", first, n, err)
	}
}

func TestMarshalExtRefuses(t *testing.T) {
	long := make([]wire.Ext, wire.MaxChain+1)
	for i := range long {
		long[i].Type = wire.ExtDestination
	}
	tests := []struct {
		name string
		exts []wire.Ext
		want error
	}{
		{"a type that is an upper layer", []wire.Ext{{Type: 17, Data: make([]byte, 6)}}, wire.ErrExtension},
		{"ESP", []wire.Ext{{Type: wire.ExtESP, Data: make([]byte, 6)}}, wire.ErrExtension},
		{"no next header", []wire.Ext{{Type: wire.ExtNoNext}}, wire.ErrExtension},
		{"hop-by-hop options in second place", []wire.Ext{{Type: wire.ExtDestination}, {Type: wire.ExtHopByHop}}, wire.ErrExtension},
		{"too many headers", long, wire.ErrExtension},
		{"not the most there can be", long[1:], nil},
		{"routing data of five bytes", []wire.Ext{{Type: wire.ExtRouting, Data: make([]byte, 5)}}, wire.ErrExtension},
		{"fragment data of 14 bytes", []wire.Ext{{Type: wire.ExtFragment, Data: make([]byte, 14)}}, wire.ErrExtension},
		{"AH data of six bytes", []wire.Ext{{Type: wire.ExtAH, Data: make([]byte, 6)}}, wire.ErrExtension},
		{"AH data of 1030 bytes", []wire.Ext{{Type: wire.ExtAH, Data: make([]byte, 1030)}}, wire.ErrExtension},
		{"options of 2047 bytes", []wire.Ext{{Type: wire.ExtDestination, Data: make([]byte, 2047)}}, wire.ErrExtension},
		{"not options of 2046", []wire.Ext{{Type: wire.ExtDestination, Data: make([]byte, 2046)}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := make([]byte, wire.ExtLen(tt.exts))
			if _, _, err := wire.MarshalExt(b, tt.exts, 17); err != tt.want {
				t.Errorf("MarshalExt: %v, want %v", err, tt.want)
			}
			if tt.want == nil {
				if _, _, err := wire.MarshalExt(b[:len(b)-1], tt.exts, 17); err != wire.ErrShortBuffer {
					t.Errorf("MarshalExt into one byte less: %v", err)
				}
			}
		})
	}
}

func TestIPv6OptionAlignment(t *testing.T) {
	tests := []struct {
		name       string
		have, x, y int
		pad        []byte
	}{
		{"1n needs nothing", 3, 1, 0, nil},
		{"2n+0 at the start", 0, 2, 0, nil},
		{"2n+0 after one byte", 1, 2, 0, []byte{0}},
		{"4n+2 at the start", 0, 4, 2, nil},
		{"8n+6 at the start", 0, 8, 6, []byte{1, 2, 0, 0}},
		{"8n+2 after one byte", 1, 8, 2, []byte{1, 5, 0, 0, 0, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := wire.AppendIPv6Alignment(make([]byte, tt.have), tt.x, tt.y)
			checkBytes(t, "padding", b[tt.have:], tt.pad)
			check(t, "alignment", (len(b)+2)%tt.x, tt.y)
		})
	}
	b := wire.AppendIPv6Option(nil, 0x1e, make([]byte, 300))
	check(t, "length of an option cut to 255 bytes", len(b), 257)
	check(t, "its length field", b[1], 255)
}

// Every length of options gives a chain that can be read back.
func TestExtRoundTrip(t *testing.T) {
	data := make([]byte, 0, 300)
	for n := range 260 {
		exts := []wire.Ext{{Type: wire.ExtDestination, Data: wire.AppendIPv6Option(data, 0x1e, make([]byte, n))}}
		b := make([]byte, wire.ExtLen(exts))
		first, _, err := wire.MarshalExt(b, exts, 59)
		if err != nil {
			t.Fatal(err)
		}
		it := wire.NewExtIterator(first, b)
		if !it.Next() || it.Offset() != len(b) {
			t.Fatalf("%d bytes: header not read back: %v", n, it.Err())
		}
		options := it.Header().Options()
		if !options.Next() || options.Option().Type != 0x1e || len(options.Option().Data) != min(n, 255) {
			t.Fatalf("%d bytes: option not read back: %v", n, options.Err())
		}
		for options.Next() {
			if options.Option().Type > wire.IPv6OptPadN {
				t.Fatalf("%d bytes: a second option", n)
			}
		}
		check(t, "Err", options.Err(), wire.NotMalformed)
	}
}
