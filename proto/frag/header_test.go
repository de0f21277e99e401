// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"fmt"
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
	"protean/proto/wire"
)

// all feeds packets that are to give one datagram, the last of them completing
// it, and returns that.
func (g *rig) all(packets ...[]byte) ([]byte, frag.Datagram) {
	g.tb.Helper()
	var out []byte
	var last frag.Datagram
	for i, b := range packets {
		v, p, d := g.feed(b, frag.Meta{})
		if i < len(packets)-1 && v != frag.Held {
			g.tb.Fatalf("fragment %d of %d: %v", i, len(packets), v)
		}
		out, last = p, d
		if i == len(packets)-1 && v != frag.Complete {
			g.tb.Fatalf("last fragment: %v", v)
		}
	}
	return out, last
}

func piece(f script.Flow, text string) []byte { return f.Append(nil, script.MustParse(text)[0]) }

// TestECN15 goes through all sets of codepoints (RFC 3168 section 5.3).
func TestECN15(t *testing.T) {
	const notECT, ect1, ect0, ce = 0, 1, 2, 3
	for _, family := range []int{4, 6} {
		for set := 1; set < 16; set++ {
			var points []uint8
			for _, cp := range []uint8{ect0, ce, ect1, notECT} {
				if set>>cp&1 != 0 {
					points = append(points, cp)
				}
			}
			want := int(points[0]) // of the first fragment
			switch {
			case set&1<<notECT != 0 && len(points) > 1:
				want = -1
			case set>>ce&1 != 0:
				want = ce
			}
			for _, mode := range []frag.ECNMode{frag.CombineECN, frag.FirstECN} {
				if mode == frag.FirstECN {
					want = int(points[0])
				}
				t.Run(fmt.Sprintf("IPv%d/set %04b/mode %d", family, set, mode), func(t *testing.T) {
					g := newRig(t, &frag.Config{ECN: mode})
					f := flow(family)
					n := max(2, len(points))
					var v frag.Verdict
					var out []byte
					for i := range n {
						f.TOS = 0xa8 | points[min(i, len(points)-1)]
						v, out, _ = g.feed(f.Append(nil, script.Piece{Off: 8 * i, Len: 8, More: i < n-1}), frag.Meta{})
					}
					if want < 0 {
						if v != frag.MixedECN {
							t.Fatalf("verdict %v", v)
						}
						return
					}
					if v != frag.Complete {
						t.Fatalf("verdict %v", v)
					}
					tos := out[1]
					if family == 6 {
						tos = out[0]<<4 | out[1]>>4
					}
					if tos != 0xa8|uint8(want) {
						t.Errorf("TOS %#x, want codepoint %d", tos, want)
					}
				})
			}
		}
	}
}

func TestDontFragmentIsKeptIfTheLargestFragmentHasIt(t *testing.T) {
	for _, c := range []struct {
		name         string
		first, last  int
		df1, df2, df bool
	}{
		{"df-large", 64, 8, true, false, true},
		{"df-small", 64, 8, false, true, false},
		{"both", 64, 8, true, true, true},
		{"none", 64, 8, false, false, false},
		{"equal lengths", 64, 64, false, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f1, f2 := flow4, flow4
			f1.DF, f2.DF = c.df1, c.df2
			out, d := newRig(t, nil).all(
				f1.Append(nil, script.Piece{Len: c.first, More: true}),
				f2.Append(nil, script.Piece{Off: c.first, Len: c.last}))
			if wire.IPv4(out).DontFragment() != c.df {
				t.Errorf("DF is %v", !c.df)
			}
			if d.FragSize != 20+c.first || d.Fragments != 2 {
				t.Errorf("%d fragments of at most %d", d.Fragments, d.FragSize)
			}
		})
	}
}

// TestHeaderOfTheFirstFragment: what the datagram's header holds is that of the
// fragment at offset 0, whenever it arrives.
func TestHeaderOfTheFirstFragment(t *testing.T) {
	f1, f2 := flow4, flow4
	f1.TTL, f1.TOS, f1.Options = 9, 0x20, []byte{1, 1, 1, 1, 7, 7, 4, 0, 0, 0, 0, 0}
	f2.TTL, f2.TOS, f2.Options = 77, 0x40, []byte{1, 1, 1, 1}
	a, b := piece(f1, "0+16MA"), piece(f2, "16+8B")
	for _, order := range [][][]byte{{a, b}, {b, a}} {
		out, _ := newRig(t, nil).all(order...)
		ip := wire.IPv4(out)
		if ip.TTL() != 9 || ip.TOS() != 0x20 || !bytes.Equal(ip.Options(), f1.Options) || ip.ID() != uint16(f1.ID) {
			t.Errorf("header % x", ip.Header())
		}
		if script.Units(ip.Payload()) != "AAB" {
			t.Errorf("payload %s", script.Units(ip.Payload()))
		}
	}
}

var hopByHop = wire.Ext{Type: wire.ExtHopByHop, Data: []byte{5, 2, 0, 0, 1, 0}}

// TestIPv6HeaderOfTheFirstFragment: extension headers and next header, too.
func TestIPv6HeaderOfTheFirstFragment(t *testing.T) {
	for _, c := range []struct {
		name         string
		ext1, ext2   []wire.Ext
		next1, next2 uint8
	}{
		{"hbh-first", []wire.Ext{hopByHop}, nil, 253, 253},
		{"hbh-second", nil, []wire.Ext{hopByHop}, 253, 253},
		{"next header differs", nil, nil, 253, 254},
		{"two headers", []wire.Ext{hopByHop, {Type: wire.ExtRouting, Data: make([]byte, 22)}}, nil, 253, 254},
	} {
		t.Run(c.name, func(t *testing.T) {
			f1, f2 := flow6, flow6
			f1.Ext, f2.Ext, f1.Protocol, f2.Protocol = c.ext1, c.ext2, c.next1, c.next2
			f2.TTL, f2.TOS = 1, 0x44
			want := wire.IPv6Fields{TrafficClass: f1.TOS, HopLimit: f1.TTL, Protocol: c.next1,
				Src: f1.Src, Dst: f1.Dst, Ext: c.ext1, PayloadLen: 24}
			b := make([]byte, want.Len())
			if err := want.Marshal(b); err != nil {
				t.Fatal(err)
			}
			b = append(b, "AAAAAAAAAAAAAAAABBBBBBBB"...)
			first, second := piece(f1, "0+16MA"), piece(f2, "16+8B")
			for _, order := range [][][]byte{{first, second}, {second, first}} {
				if out, _ := newRig(t, nil).all(order...); !bytes.Equal(out, b) {
					t.Errorf("got  % x\nwant % x", out, b)
				}
			}
		})
	}
}

// TestRefusedAlone: fragments that are dropped alone, and after which their
// datagram still becomes complete; with what an ICMPv6 error would say.
func TestRefusedAlone(t *testing.T) {
	long := piece(flow4, "8+8MX")
	long[3]++ // total length beyond the packet
	noPayload := piece(flow6, "0+0MX")[:40]
	noPayload[4], noPayload[5] = 0, 0
	atomic := wire.Ext{Type: wire.ExtFragment, Data: []byte{0, 0, 0, 0, 0, 1}}
	nested := flow6
	nested.Ext = []wire.Ext{atomic}
	inner := flow6
	inner.Protocol = wire.ExtFragment
	tcp, udp, dst := flow6, flow6, flow6
	tcp.Protocol, udp.Protocol, dst.Protocol = wire.ProtoTCP, wire.ProtoUDP, wire.ExtDestination
	tcp4 := flow4
	tcp4.Protocol = wire.ProtoTCP
	lowTTL := flow4
	lowTTL.TTL = 1
	for _, c := range []struct {
		name    string
		packet  []byte
		want    frag.Verdict
		code    int // of the parameter problem, -1 for none
		pointer uint32
		c       frag.Config
	}{
		{"long-total", long, frag.BadHeader, -1, 0, frag.Config{}},
		{"no bytes", nil, frag.BadHeader, -1, 0, frag.Config{}},
		{"short header", flow4.Append(nil, script.Piece{More: true})[:19], frag.BadHeader, -1, 0, frag.Config{}},
		{"version 5", append([]byte{0x55}, make([]byte, 60)...), frag.BadHeader, -1, 0, frag.Config{}},
		{"payload length 0", noPayload, frag.BadHeader, -1, 0, frag.Config{}},
		{"zero length", piece(flow4, "16+0MX"), frag.Empty, -1, 0, frag.Config{}},
		{"zero-first", piece(flow6, "0+0MX"), frag.ShortChain, 3, 0, frag.Config{}},
		{"odd length, IPv4", piece(flow4, "0+7MX"), frag.Unaligned, -1, 0, frag.Config{}},
		{"odd length, IPv6", piece(flow6, "0+7MX"), frag.Unaligned, 0, 4, frag.Config{}},
		{"too long, IPv4", piece(flow4, "65512+4X"), frag.TooLong, -1, 0, frag.Config{}},
		{"too long, IPv6", piece(flow6, "65528+8X"), frag.TooLong, 0, 42, frag.Config{}},
		{"chain-cut", dst.AppendData(nil, 0, []byte{253, 1, 1, 4, 0, 0, 0, 0}, true), frag.ShortChain, 3, 0, frag.Config{}},
		{"chain-exact", dst.AppendData(nil, 0, []byte{253, 0, 1, 4, 0, 0, 0, 0}, true), frag.ShortChain, 3, 0, frag.Config{}},
		{"TCP header cut", piece(tcp, "0+16MX"), frag.ShortChain, 3, 0, frag.Config{}},
		{"atomic-then-real", piece(nested, "8+8MX"), frag.Nested, 0, 48, frag.Config{}},
		{"nested", inner.AppendData(nil, 0, []byte{253, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, true), frag.Nested, 0, 48, frag.Config{}},
		{"tiny", piece(flow4, "0+8MX"), frag.Tiny, -1, 0, frag.Config{MinFragment: 16}},
		{"TCP at offset 8", piece(tcp4, "8+64MX"), frag.Tiny, -1, 0, frag.Config{RFC1858: true}},
		{"short TCP", piece(tcp4, "0+16MX"), frag.Tiny, -1, 0, frag.Config{RFC1858: true}},
		{"TTL", piece(lowTTL, "0+64MX"), frag.LowTTL, -1, 0, frag.Config{MinTTL: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, &c.c)
			f := flow4
			if len(c.packet) > 0 && c.packet[0]>>4 == 6 {
				f = flow6
			}
			if v, _, _ := g.feed(piece(f, "16+16MB"), frag.Meta{}); v != frag.Held {
				t.Fatal(v)
			}
			v, _, _ := g.feed(c.packet, frag.Meta{})
			if v != c.want {
				t.Errorf("verdict %v, want %v", v, c.want)
			}
			if v.Reason() != frag.DropMalformed {
				t.Errorf("reason %d", v.Reason())
			}
			code, pointer, ok := v.ParameterProblem(c.packet)
			if ok != (c.code >= 0) || ok && (int(code) != c.code || pointer != c.pointer) {
				t.Errorf("parameter problem %v, code %d, pointer %d; want code %d, pointer %d", ok, code, pointer, c.code, c.pointer)
			}
			g.feed(piece(f, "32+5C"), frag.Meta{})
			if v, out, _ := g.feed(piece(f, "0+16MA"), frag.Meta{}); v != frag.Complete || script.Units(script.Payload(out, 0)) != "AABBC" {
				t.Errorf("the datagram it belongs to: %v", v)
			}
			g.checkBooks()
		})
	}
	if v, _, _ := newRig(t, nil).feed(piece(udp, "0+8MX"), frag.Meta{}); v != frag.Held {
		t.Errorf("eight bytes of UDP: %v", v)
	}
}

func TestIgnoredBitsAndPadding(t *testing.T) {
	a := append(piece(flow4, "0+16MA"), "link padding that is not part of it"...)
	a[6] |= 0x80 // reserved flag
	wire.IPv4(a).FillChecksum()
	b := append(piece(flow4, "16+8B"), make([]byte, 18)...)
	out, d := newRig(t, nil).all(b, a)
	if script.Units(out[20:]) != "AAB" || out[6] != 0 || d.FragSize != 36 {
		t.Errorf("% x", out)
	}
	a, b = piece(flow6, "0+16MA"), piece(flow6, "16+8B")
	a[41], a[43], b[41], b[43] = 0xff, a[43]|6, 0x55, b[43]|6 // reserved byte and bits
	if out, _ := newRig(t, nil).all(b, a); script.Units(out[40:]) != "AAB" {
		t.Errorf("% x", out)
	}
}

// TestAtomicFragmentsPassBy: they are whole, and what is held under the same
// identification stays as it is (RFC 6946).
func TestAtomicFragmentsPassBy(t *testing.T) {
	g := newRig(t, nil)
	g.feed(piece(flow6, "0+16MA"), frag.Meta{})
	for _, text := range []string{"0+16X", "0+0X"} {
		if v, _, _ := g.feed(piece(flow6, text), frag.Meta{}); v != frag.Whole {
			t.Errorf("%s: %v", text, v)
		}
	}
	if out, _ := g.all(piece(flow6, "16+8B")); script.Units(out[40:]) != "AAB" {
		t.Errorf("% x", out)
	}
}
