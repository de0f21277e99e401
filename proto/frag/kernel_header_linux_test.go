// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"fmt"
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
	"protean/proto/wire"
)

var (
	lastPieces = script.MustParse("16+16MB 32+5C")
	firstPiece = script.MustParse("0+16MA")
)

// around puts odd packets between the fragments of a datagram, the first of
// which comes last.
func around(f script.Flow, odd ...[]byte) [][]byte {
	out := [][]byte{f.Append(nil, lastPieces[0])}
	out = append(out, odd...)
	return append(out, f.Append(nil, lastPieces[1]), f.Append(nil, firstPiece[0]))
}

// TestTheKernelAgreesOnHeaders sends, between fragments of a datagram, one
// whose headers are wrong or unusual, or stretches what comes in front of the
// data to where the datagram becomes too long.
func TestTheKernelAgreesOnHeaders(t *testing.T) {
	edit := func(b []byte, change func(b []byte)) []byte {
		change(b)
		if b[0]>>4 == 4 {
			wire.IPv4(b).FillChecksum()
		}
		return b
	}
	as := func(f script.Flow, protocol uint8, ext ...wire.Ext) *script.Flow {
		f.Protocol, f.Ext = protocol, ext
		return &f
	}
	large := func(f script.Flow, total int) (out [][]byte) {
		for _, p := range pieces(total, 1440) {
			out = append(out, f.Append(nil, p))
		}
		return out
	}
	atomic := wire.Ext{Type: wire.ExtFragment, Data: []byte{0, 0, 0, 0, 0, 1}}
	options40 := keptOptions[len(keptOptions)-1]
	for _, c := range []struct {
		name     string
		family   int
		packets  func(f script.Flow) [][]byte
		complete int
	}{
		{"nothing unusual", 4, func(f script.Flow) [][]byte { return around(f) }, 1},
		{"nothing unusual", 6, func(f script.Flow) [][]byte { return around(f) }, 1},
		{"total length beyond the frame", 4, func(f script.Flow) [][]byte {
			return around(f, edit(piece(f, "8+8MX"), func(b []byte) { b[3] += 8 }))
		}, 1},
		{"padding", 4, func(f script.Flow) [][]byte {
			out := around(f)
			out[1] = append(out[1], "padding of a link"...)
			return out
		}, 1},
		{"padding", 6, func(f script.Flow) [][]byte {
			out := around(f)
			out[1] = append(out[1], "padding of a link"...)
			return out
		}, 1},
		{"reserved flag", 4, func(f script.Flow) [][]byte {
			out := around(f)
			edit(out[2], func(b []byte) { b[6] |= 0x80 })
			return out
		}, 1},
		{"reserved bits", 6, func(f script.Flow) [][]byte {
			out := around(f)
			edit(out[2], func(b []byte) { b[41], b[43] = 0xff, b[43]|6 })
			return out
		}, 1},
		{"another protocol", 4, func(f script.Flow) [][]byte {
			return around(f, as(f, 254).Append(nil, firstPiece[0]), as(f, 254).Append(nil, lastPieces[1]))
		}, 1},
		{"the largest with options", 4, func(f script.Flow) [][]byte { f.Options = options40; return large(f, 65475) }, 1},
		{"too large with options", 4, func(f script.Flow) [][]byte { f.Options = options40; return large(f, 65476) }, 0},
		{"the largest with an extension header", 6, func(f script.Flow) [][]byte {
			return large(*as(f, 253, hopByHop), 65527)
		}, 1},
		{"too large with an extension header", 6, func(f script.Flow) [][]byte {
			return large(*as(f, 253, hopByHop), 65528)
		}, 0},
		{"atomic fragments in between", 6, func(f script.Flow) [][]byte {
			return around(f, piece(f, "0+16X"), piece(f, "0+0X"))
		}, 1},
		{"no data at the start", 6, func(f script.Flow) [][]byte { return around(f, piece(f, "0+0MX")) }, 1},
		{"odd length", 6, func(f script.Flow) [][]byte { return around(f, piece(f, "0+7MX")) }, 1},
		{"too long", 6, func(f script.Flow) [][]byte { return around(f, piece(f, "65528+8X")) }, 1},
		{"TCP header cut", 6, func(f script.Flow) [][]byte {
			return around(f, as(f, wire.ProtoTCP).Append(nil, firstPiece[0]))
		}, 1},
		{"header chain cut", 6, func(f script.Flow) [][]byte {
			return around(f, as(f, wire.ExtDestination).AppendData(nil, 0, []byte{253, 1, 1, 4, 0, 0, 0, 0}, true))
		}, 1},
		{"header chain that fills the fragment", 6, func(f script.Flow) [][]byte {
			return around(f, as(f, wire.ExtDestination).AppendData(nil, 0, []byte{253, 0, 1, 4, 0, 0, 0, 0}, true))
		}, 1},
		{"an atomic fragment's header in front", 6, func(f script.Flow) [][]byte {
			return around(f, piece(*as(f, 253, atomic), "8+8MX"))
		}, 1},
		{"hop-by-hop options behind the first", 6, func(f script.Flow) [][]byte {
			out := around(f)
			out[1] = as(f, 253, hopByHop).Append(nil, lastPieces[1])
			return out
		}, 1},
		{"hop-by-hop and routing headers", 6, func(f script.Flow) [][]byte {
			return around(*as(f, 253, hopByHop, wire.Ext{Type: wire.ExtRouting, Data: make([]byte, 22)}))
		}, 1},
	} {
		t.Run(fmt.Sprintf("IPv%d/%s", c.family, c.name), func(t *testing.T) {
			k := newKernel(t, c.family, 1600)
			f := k.sender(0x4711, 0).Flow
			f.TTL, f.TOS = 61, 0x28
			g := newRig(t, &frag.Config{Policy: frag.Linux})
			complete, difference := k.agree(g, c.packets(f))
			if difference != "" {
				t.Fatal(difference)
			}
			if complete != c.complete {
				t.Errorf("%d datagrams, want %d", complete, c.complete)
			}
			g.checkBooks()
		})
	}
}

// TestANestedFragmentHeaderIsSeenSooner: of a first fragment with another
// fragment header behind its own, Linux takes notice when the datagram is
// complete, and drops that; a Reassembler drops the fragment alone.
func TestANestedFragmentHeaderIsSeenSooner(t *testing.T) {
	k := newKernel(t, 6, 1600)
	f := k.sender(0x4711, 0).Flow
	f.TTL = 61
	inner := f
	inner.Protocol = wire.ExtFragment
	nested := inner.AppendData(nil, 0, []byte{253, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, true)
	g := newRig(t, &frag.Config{Policy: frag.Linux})
	complete := 0
	for _, b := range around(f, nested) {
		k.send(b)
		if v, _, _ := g.feed(b, frag.Meta{}); v == frag.Complete {
			complete++
		}
	}
	if got := k.sync(); len(got) != 0 {
		t.Errorf("the kernel delivers\n%s", describe(got))
	}
	if n := g.r.Stats().Dropped[frag.Nested]; n != 1 || complete != 1 {
		t.Errorf("%d fragments dropped, %d datagrams; want 1 and 1", n, complete)
	}
	g.checkBooks()
}
