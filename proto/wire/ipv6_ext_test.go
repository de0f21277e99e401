// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"bytes"
	"testing"

	"protean/proto/wire"
)

// chain returns an IPv6 packet whose fixed header is followed by the given
// bytes, the first header being of type first.
func chain(t testing.TB, first uint8, text string) []byte {
	t.Helper()
	payload := unhex(t, text)
	b := make([]byte, wire.IPv6HeaderLen, wire.IPv6HeaderLen+len(payload))
	ip := wire.IPv6(b)
	b[0] = 6 << 4
	ip.SetPayloadLen(len(payload))
	ip.SetNextHeader(first)
	return append(b, payload...)
}

func TestWalkIPv6(t *testing.T) {
	const data = "de ad be ef"
	tests := []struct {
		name  string
		first uint8
		text  string
		want  wire.Chain
		bad   wire.Malformed
	}{
		{"no extension headers", 17, data, wire.Chain{Protocol: 17, HeaderLen: 40}, wire.NotMalformed},
		{"no next header", 59, "", wire.Chain{Protocol: 59, HeaderLen: 40}, wire.NotMalformed},
		{"ESP ends the walk", 50, data, wire.Chain{Protocol: 50, HeaderLen: 40}, wire.NotMalformed},
		{"hop-by-hop, routing, destination options, then 253", 0, `
			2b 00 01 04 00 00 00 00                           // hop-by-hop: PadN
			3c 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00   // routing, 24 bytes
			00 00 00 00 00 00 00 00
			fd 00 01 04 00 00 00 00                           // destination options: PadN
			de ad be ef`, wire.Chain{Protocol: 253, HeaderLen: 80}, wire.NotMalformed},
		{"AH counts in units of four bytes", 51, `
			3a 04 00 00 00 00 00 01 00 00 00 01               // next header ICMPv6, (4+2)*4 = 24 bytes
			00 00 00 00 00 00 00 00 00 00 00 00               // integrity check value
			80 00 00 00`, wire.Chain{Protocol: 58, HeaderLen: 64}, wire.NotMalformed},
		{"an atomic fragment is a whole packet", 44, `
			3c 00 00 00 00 00 00 01   // fragment: offset 0, no more
			11 00 01 04 00 00 00 00   // destination options
			00`, wire.Chain{Protocol: 17, HeaderLen: 56}, wire.NotMalformed},
		{"the first fragment ends the walk", 44, `
			3c 00 00 01 00 00 00 01   // fragment: offset 0, more
			11 00 01 04 00 00 00 00   // destination options: not walked
			00`, wire.Chain{Protocol: 60, HeaderLen: 48, Fragment: 40, More: true}, wire.NotMalformed},
		{"the last fragment behind hop-by-hop options", 0, `
			2c 00 01 04 00 00 00 00   // hop-by-hop
			fd 00 05 a8 00 00 00 01   // fragment: offset 1448, no more
			00`, wire.Chain{Protocol: 253, HeaderLen: 56, Fragment: 48, FragOffset: 1448}, wire.NotMalformed},
		{"a mobility message is an upper layer", 135, "3b 00 05 00 00 00 00 00",
			wire.Chain{Protocol: 135, HeaderLen: 40}, wire.NotMalformed},
		{"a HIP message behind destination options is an upper layer", 60, `
			8b 00 01 04 00 00 00 00
			3b 04 01 11 00 00 00 00 00 00 00 00 00 00 00 00
			00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
			00 00 00 00 00 00 00 00`, wire.Chain{Protocol: 139, HeaderLen: 48}, wire.NotMalformed},
		{"a Shim6 payload extension header is a prefix", 140, "fd 00 80 00 00 00 00 01" + data,
			wire.Chain{Protocol: 253, HeaderLen: 48}, wire.NotMalformed},
		{"hop-by-hop options not in first place", 60, "00 00 01 04 00 00 00 00 11 00 01 04 00 00 00 00",
			wire.Chain{Protocol: 0, HeaderLen: 48}, wire.BadExtension},
		{"seven bytes of an extension header", 60, "11 00 01 04 00 00 00",
			wire.Chain{Protocol: 60, HeaderLen: 40}, wire.BadExtension},
		{"an extension header one unit too long", 0, "11 01 01 04 00 00 00 00",
			wire.Chain{Protocol: 0, HeaderLen: 40}, wire.BadExtension},
		{"AH shorter than its fixed part", 51, "11 00 00 00 00 00 00 01",
			wire.Chain{Protocol: 51, HeaderLen: 40}, wire.BadExtension},
		{"a jumbogram", 0, "", wire.Chain{Protocol: 0, HeaderLen: 40}, wire.Jumbogram},
		{"nothing where destination options should be", 60, "", wire.Chain{Protocol: 60, HeaderLen: 40}, wire.BadExtension},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := chain(t, tt.first, tt.text)
			got := wire.Chain{Protocol: 0xff, HeaderLen: -1, Fragment: -1, More: true, FragOffset: -1} // what was there before
			check(t, "WalkIPv6", wire.WalkIPv6(b, &got), tt.bad)
			check(t, "Chain", got, tt.want)
		})
	}
	var c wire.Chain
	check(t, "WalkIPv6 of 39 bytes", wire.WalkIPv6(make([]byte, 39), &c), wire.TooShort)
	check(t, "its Chain", c, wire.Chain{})
}

func TestChainsAreBounded(t *testing.T) {
	for n := wire.MaxChain - 1; n <= wire.MaxChain+1; n++ {
		options := bytes.Repeat([]byte{60, 0, 1, 4, 0, 0, 0, 0}, n)
		options[len(options)-8] = 17
		b := append(chain(t, 60, ""), options...)
		want := wire.NotMalformed
		if n > wire.MaxChain {
			want = wire.ChainTooLong
		}
		var c wire.Chain
		if got := wire.WalkIPv6(b, &c); got != want {
			t.Errorf("WalkIPv6 over %d headers: %v, want %v", n, got, want)
		}
		it := wire.IPv6(b).Extensions()
		seen := 0
		for it.Next() {
			seen++
		}
		if it.Err() != want || seen != min(n, wire.MaxChain) {
			t.Errorf("iterator over %d headers: %d, %v, want %v", n, seen, it.Err(), want)
		}
	}
}

func TestExtIterator(t *testing.T) {
	b := chain(t, 0, `
		2c 00 05 02 00 00 01 00   // hop-by-hop: router alert, PadN
		3c 00 00 00 00 00 00 01   // atomic fragment
		87 00 01 04 00 00 00 00   // destination options
		3b 00 05 00 00 00 00 00   // mobility`)
	it := wire.IPv6(b).Extensions()
	want := []struct {
		typ, next uint8
		offset    int
	}{{0, 44, 0}, {44, 60, 8}, {60, 135, 16}, {135, 59, 24}}
	for i, w := range want {
		if !it.Next() {
			t.Fatalf("no header %d: %v", i, it.Err())
		}
		h := it.Header()
		check(t, "Type", h.Type, w.typ)
		check(t, "NextHeader", h.NextHeader, w.next)
		check(t, "Offset", h.Offset, w.offset)
		checkBytes(t, "Bytes", h.Bytes, b[40+w.offset:40+w.offset+8])
		check(t, "cap(Bytes)", cap(h.Bytes), 8)
		ext := h.Ext()
		check(t, "Ext().Type", ext.Type, w.typ)
		checkBytes(t, "Ext().Data", ext.Data, h.Bytes[2:])
		options := h.Options()
		check(t, "has options", options.Next(), w.typ == 0 || w.typ == 60)
	}
	check(t, "Next at the end", it.Next(), false)
	check(t, "Err", it.Err(), wire.NotMalformed)
	check(t, "Protocol", it.Protocol(), wire.ProtoNoNext)
	check(t, "Offset", it.Offset(), 32)

	it = wire.NewExtIterator(44, []byte{60, 0, 0, 1, 0, 0, 0, 1, 17, 0, 1, 4, 0, 0, 0, 0})
	check(t, "Next to a fragment header", it.Next(), true)
	check(t, "Next behind a fragment header", it.Next(), false)
	check(t, "Err behind a fragment header", it.Err(), wire.NotMalformed)

	var zero wire.ExtIterator
	check(t, "Next of the zero iterator", zero.Next(), false)
	check(t, "Err of the zero iterator", zero.Err(), wire.NotMalformed)
}

func TestIPv6OptionIterator(t *testing.T) {
	tests := []struct {
		name   string
		b      []byte
		types  []uint8
		offset int
		bad    wire.Malformed
	}{
		{"no options", nil, nil, 0, wire.NotMalformed},
		{"Pad1 six times", make([]byte, 6), []uint8{0, 0, 0, 0, 0, 0}, 6, wire.NotMalformed},
		{"router alert and empty PadN", []byte{5, 2, 0, 0, 1, 0}, []uint8{5, 1}, 6, wire.NotMalformed},
		{"a type without length", []byte{0, 0, 0, 0, 0, 5}, []uint8{0, 0, 0, 0, 0}, 5, wire.BadOption},
		{"a length one past the end", []byte{5, 2, 0, 0, 1, 1}, []uint8{5}, 4, wire.BadOption},
		{"a length of 255", []byte{0xc9, 255, 0, 0, 0, 0}, nil, 0, wire.BadOption},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			it := wire.NewIPv6OptionIterator(tt.b)
			var types []uint8
			for it.Next() {
				types = append(types, it.Option().Type)
			}
			checkBytes(t, "types", types, tt.types)
			check(t, "Offset", it.Offset(), tt.offset)
			check(t, "Err", it.Err(), tt.bad)
			check(t, "Next after the end", it.Next(), false)
		})
	}
	check(t, "Action of home address", wire.IPv6Option{Type: wire.IPv6OptHomeAddress}.Action(), 3)
	check(t, "Action of router alert", wire.IPv6Option{Type: wire.IPv6OptRouterAlert}.Action(), 0)
	check(t, "Mutable of home address", wire.IPv6Option{Type: wire.IPv6OptHomeAddress}.Mutable(), false)
	check(t, "Mutable of type 0x3e", wire.IPv6Option{Type: 0x3e}.Mutable(), true)
}
