// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"protean/proto/frag"
	"protean/proto/wire"
)

var options = map[string][]byte{
	"none":                 nil,
	"router alert":         {148, 4, 0, 0},
	"timestamp":            {68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	"alert and timestamp":  {148, 4, 0, 0, 68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	"timestamp then alert": {68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 148, 4, 0, 0},
	"record route":         append([]byte{7, 39, 4}, make([]byte, 37)...),
	"nop and end":          {1, 1, 0, 99},
}

// TestRoundTrip4: cut and put together again, an IPv4 packet is what it was.
func TestRoundTrip4(t *testing.T) {
	r := rand.New(rand.NewPCG(newSeed(t), 4))
	var s frag.Splitter
	for name, o := range options {
		for _, c := range []frag.SplitConfig{{}, {Balanced: true}, {CompactOptions: true}, {Balanced: true, CompactOptions: true}} {
			for range 60 {
				hdr := 20 + len(o)
				n := 1 + r.IntN(4000)
				mtu := 68 + r.IntN(1500)
				if r.IntN(10) == 0 {
					n, mtu = 65535-hdr-r.IntN(50), 1500-r.IntN(500)
				}
				p := packet4(t, n, func(f *wire.IPv4Fields) { f.Options = o })
				out, err := cutUp(t, &s, p, mtu, 0, c)
				if hdr+8 > mtu && err == frag.ErrMTU {
					continue
				}
				if err != nil {
					t.Fatalf("%s, %d bytes, MTU %d: %v", name, n, mtu, err)
				}
				checkPieces(t, out, mtu)
				if len(out) == 1 {
					if !bytes.Equal(out[0], p) {
						t.Fatal("a packet that fits was changed")
					}
					continue
				}
				r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
				if got := back(t, out); !bytes.Equal(got, p) {
					t.Fatalf("%s, %d bytes, MTU %d, %+v: came back different", name, n, mtu, c)
				}
			}
		}
	}
}

var chains = map[string][]wire.Ext{
	"none":               nil,
	"hop-by-hop":         {hopByHop},
	"routing":            {{Type: wire.ExtRouting, Data: make([]byte, 22)}},
	"all in front":       {hopByHop, {Type: wire.ExtDestination, Data: make([]byte, 6)}, {Type: wire.ExtRouting, Data: make([]byte, 22)}},
	"destination":        {{Type: wire.ExtDestination, Data: make([]byte, 14)}},
	"hbh, destination":   {hopByHop, {Type: wire.ExtDestination, Data: make([]byte, 14)}},
	"all":                {hopByHop, {Type: wire.ExtRouting, Data: make([]byte, 6)}, {Type: wire.ExtAH, Data: []byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0}}, {Type: wire.ExtDestination, Data: make([]byte, 6)}},
	"long in front":      {{Type: wire.ExtHopByHop, Data: append([]byte{1, 252}, make([]byte, 252)...)}},
	"atomic":             {{Type: wire.ExtFragment, Data: []byte{0, 0, 0, 0, 9, 9}}},
	"hop-by-hop, atomic": {hopByHop, {Type: wire.ExtFragment, Data: []byte{0, 0, 0, 0, 9, 9}}},
}

// TestRoundTrip6: and so is an IPv6 packet, but for the fragment header of an
// atomic fragment, which does not come back.
func TestRoundTrip6(t *testing.T) {
	r := rand.New(rand.NewPCG(newSeed(t), 6))
	var s frag.Splitter
	for name, ext := range chains {
		for _, c := range []frag.SplitConfig{{}, {Balanced: true}} {
			for range 60 {
				var want []wire.Ext
				for _, e := range ext {
					if e.Type != wire.ExtFragment {
						want = append(want, e)
					}
				}
				n := 1 + r.IntN(6000)
				mtu := 1280 + r.IntN(300)
				if r.IntN(10) == 0 {
					n = 65535 - wire.ExtLen(ext) - r.IntN(50)
				}
				p := packet6(t, n, func(f *wire.IPv6Fields) { f.Ext = ext })
				out, err := cutUp(t, &s, p, mtu, 0x01020304, c)
				if err != nil {
					t.Fatalf("%s, %d bytes, MTU %d: %v", name, n, mtu, err)
				}
				checkPieces(t, out, mtu)
				if len(out) == 1 {
					if !bytes.Equal(out[0], p) {
						t.Fatal("a packet that fits was changed")
					}
					continue
				}
				r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
				whole := packet6(t, n, func(f *wire.IPv6Fields) { f.Ext = want })
				if got := back(t, out); !bytes.Equal(got, whole) {
					t.Fatalf("%s, %d bytes, MTU %d, %+v: came back different", name, n, mtu, c)
				}
			}
		}
	}
}

// TestPiecesOfPieces: fragments cut again, for a smaller MTU on the way, are
// fragments of the same packet.
func TestPiecesOfPieces(t *testing.T) {
	for _, family := range []int{4, 6} {
		p, mtu1, mtu2 := packet4(t, 5000, nil), 1500, 576
		if family == 6 {
			p, mtu1, mtu2 = packet6(t, 9000, nil), 3000, 1280
		}
		var s frag.Splitter
		out, err := cutUp(t, &s, p, mtu1, 7, frag.SplitConfig{})
		if err != nil {
			t.Fatal(err)
		}
		var smaller [][]byte
		for _, b := range out {
			again, err := cutUp(t, &s, b, mtu2, 99, frag.SplitConfig{}) // 99 must not be taken
			if err != nil {
				t.Fatal(err)
			}
			smaller = append(smaller, again...)
		}
		if len(smaller) <= len(out)+1 {
			t.Fatalf("%d fragments from %d", len(smaller), len(out))
		}
		checkPieces(t, smaller, mtu2)
		got := back(t, smaller)
		if family == 4 {
			wire.IPv4(p).SetID(7)
			wire.IPv4(p).FillChecksum()
		}
		if !bytes.Equal(got, p) {
			t.Errorf("IPv%d: came back different", family)
		}
	}
}
