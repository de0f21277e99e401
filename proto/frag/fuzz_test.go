// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
	"protean/proto/wire"
)

// frames writes packets one after the other, each with its length in front.
func frames(packets ...[]byte) []byte {
	var b []byte
	for _, p := range packets {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
		b = append(b, p...)
	}
	return b
}

func feedFrames(t *testing.T, c *frag.Config, b []byte) {
	g := newRig(t, c)
	for len(b) >= 2 {
		n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
		// A slice of its own, so that a read past the end is seen.
		p := bytes.Clone(b[2 : 2+n])
		b = b[2+n:]
		g.now += second / 4
		v, out, _ := g.feed(p, frag.Meta{})
		v.ParameterProblem(p)
		if out != nil {
			// What comes out is whole, and can be cut again.
			if v := g.r.Feed(g.now, out, frag.Meta{}, new(frag.Datagram)); v != frag.Whole && v != frag.BadHeader && v != frag.Nested {
				t.Fatalf("the datagram is %v", v)
			}
		}
		g.r.Expire(g.now)
	}
	g.checkBooks()
}

func vectorFrames(f script.Flow, text string) []byte {
	var packets [][]byte
	for _, p := range script.MustParse(text) {
		packets = append(packets, f.Append(nil, p))
	}
	return frames(packets...)
}

// FuzzFeed4 feeds any bytes as IPv4 packets.
func FuzzFeed4(f *testing.F) {
	for _, v := range plainVectors {
		f.Add(uint8(0), vectorFrames(flow4, v.script)) // a fixed vector, by default
	}
	for _, v := range overlapVectors {
		f.Add(uint8(3), vectorFrames(flow4, v.script)) // overlaps, decided
	}
	f.Add(uint8(1), []byte{0, 20, 0x4f}) // header length beyond the packet
	f.Fuzz(func(t *testing.T, policy uint8, b []byte) {
		feedFrames(t, &frag.Config{Policy: frag.Policy(policy % 9), Tombstone: policy&16 != 0,
			Duplicates: frag.DuplicateMode(policy >> 5 % 3), TrimOdd: policy&128 != 0}, b)
	})
}

// FuzzFeed6 feeds any bytes as IPv6 packets.
func FuzzFeed6(f *testing.F) {
	for _, v := range plainVectors {
		f.Add(uint8(0), vectorFrames(flow6, v.script)) // a fixed vector, by default
	}
	hbh := flow6
	hbh.Ext = []wire.Ext{hopByHop}
	f.Add(uint8(1), vectorFrames(hbh, "0+16MA 16+8B"))                                                // an extension header in front
	f.Add(uint8(2), frames(piece(flow6, "0+16MA")[:48]))                                              // data cut off
	f.Add(uint8(0), frames(append([]byte{0x60, 0, 0, 0, 0, 8, 44}, bytes.Repeat([]byte{44}, 41)...))) // fragment headers all the way
	f.Fuzz(func(t *testing.T, policy uint8, b []byte) {
		feedFrames(t, &frag.Config{Policy: frag.Policy(policy % 9), Tombstone: policy&16 != 0,
			Duplicates: frag.DuplicateMode(policy >> 5 % 3)}, b)
	})
}

// fromBytes makes a script of any bytes: three for each piece.
func fromBytes(b []byte) script.Script {
	var s script.Script
	for ; len(b) >= 3 && len(s) < 40; b = b[3:] {
		n := int(b[1]&31) * 8
		switch b[2] & 6 {
		case 2:
			n = int(b[1])
		case 4:
			n = int(b[1]) * 64
		}
		off := int(b[0]) * 8
		if b[2] >= 0xf8 {
			off = 65528 - off
		}
		s = append(s, script.Piece{Off: off, Len: n, More: b[2]&1 != 0, Fill: byte(len(s))})
	}
	return s
}

// FuzzScript compares with the oracles, under all policies.
func FuzzScript(f *testing.F) {
	f.Add([]byte{0, 2, 1, 2, 2, 1, 4, 5, 2})            // in order
	f.Add([]byte{2, 2, 1, 0, 2, 1, 1, 2, 1, 4, 1, 0})   // inside two that came reversed
	f.Add([]byte{0, 2, 1, 1, 1, 0})                     // a duplicate that tells the end
	f.Add([]byte{0, 20, 3, 2, 1, 0})                    // an odd length
	f.Add([]byte{0, 2, 1, 2, 0, 1, 2, 1, 0})            // nothing in between
	f.Add([]byte{3, 2, 0, 1, 2, 1, 2, 2, 1, 0, 1, 1})   // the last first, overlaps
	f.Add([]byte{0, 4, 0xf9, 0, 1, 1})                  // near the largest
	f.Add([]byte{0, 3, 1, 5, 6, 1, 3, 6, 1, 11, 14, 2}) // jeremy
	f.Fuzz(func(t *testing.T, b []byte) {
		s := fromBytes(b)
		for _, family := range []int{4, 6} {
			for _, p := range policies {
				g := newRig(t, unlimited(p))
				fl := flow(family)
				if at := agree(g, newOracle(family, p), &fl, s); at >= 0 {
					t.Fatalf("IPv%d, %v: differs at step %d of: %v", family, p, at, s)
				}
				g.checkBooks()
			}
		}
	})
}

// FuzzRoundTrip cuts a datagram of any length at any MTU and puts it together
// again.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint16(3000), uint16(1500), []byte(nil), uint8(0))         // as usual
	f.Add(uint16(65000), uint16(68), []byte{148, 4, 0, 0}, uint8(1)) // the most fragments
	f.Add(uint16(1481), uint16(1500), []byte{7, 3, 4}, uint8(2))     // one byte too long
	f.Add(uint16(1151), uint16(1719), []byte("z70"), uint8(9))       // a chain longer than an even share
	f.Add(uint16(4000), uint16(1280), []byte{1, 2, 3}, uint8(8))     // IPv6
	f.Fuzz(func(t *testing.T, n, mtu uint16, opts []byte, flags uint8) {
		c := frag.SplitConfig{Balanced: flags&1 != 0, CompactOptions: flags&2 != 0, AnyMTU: flags&4 != 0}
		var p []byte
		if flags&8 == 0 {
			opts = opts[:min(len(opts), 40)]
			p = packet4(t, int(n)%(65535-59), func(f *wire.IPv4Fields) { f.Options = opts })
		} else {
			var ext []wire.Ext
			for _, o := range opts[:min(len(opts), 3)] {
				ext = append(ext, wire.Ext{Type: wire.ExtDestination, Data: make([]byte, int(o%64)*8+6)})
			}
			p = packet6(t, int(n)%60000, func(f *wire.IPv6Fields) { f.Ext = ext })
		}
		out, err := cutUp(t, new(frag.Splitter), p, int(mtu), 0x1234, c)
		if err != nil || len(out) == 1 {
			return
		}
		checkPieces(t, out, int(mtu))
		slices.Reverse(out)
		if got := back(t, out); !bytes.Equal(got, p) {
			t.Fatal("came back different")
		}
	})
}

// FuzzExtChain cuts any bytes as an IPv6 packet. What was cut comes back, but
// for the fragment header it may have had.
func FuzzExtChain(f *testing.F) {
	for _, ext := range chains {
		f.Add(packet6(f, 1300, func(f *wire.IPv6Fields) { f.Ext = ext })[6:]) // a chain that can be
	}
	f.Add(bytes.Repeat([]byte{44}, 1400)) // fragment headers all the way
	f.Add([]byte(nil))                    // a chain of nothing
	f.Add(make([]byte, 1400))             // hop-by-hop options all the way
	f.Fuzz(func(t *testing.T, b []byte) {
		p := append([]byte{0x60, 0, 0, 0, 0, 0}, b...)
		for len(p) < 40 {
			p = append(p, 0)
		}
		p = p[:min(len(p), 65575)]
		binary.BigEndian.PutUint16(p[4:], uint16(len(p)-40))
		cutAny(t, p, 1280)
	})
}

// FuzzOptions cuts an IPv4 packet with any options.
func FuzzOptions(f *testing.F) {
	for _, o := range options {
		f.Add(o) // a list that can be
	}
	f.Add([]byte{7, 0})       // a length of 0
	f.Add([]byte{7, 200})     // a length past the end
	f.Add([]byte{1, 1, 1, 7}) // no length
	f.Fuzz(func(t *testing.T, o []byte) {
		p := packet4(t, 3000, func(f *wire.IPv4Fields) { f.Options = o[:min(len(o), 40)] })
		cutAny(t, p, 600)
	})
}

func cutAny(t *testing.T, p []byte, mtu int) {
	for _, c := range []frag.SplitConfig{{IgnoreDF: true}, {IgnoreDF: true, CompactOptions: true, Balanced: true}} {
		out, err := cutUp(t, new(frag.Splitter), p, mtu, 0x1234, c)
		if err != nil || len(out) == 1 {
			continue
		}
		g := newRig(t, &frag.Config{MaxFragments: 8192})
		var got []byte
		for i, b := range out {
			if len(b) > mtu {
				t.Fatalf("fragment %d has %d bytes", i, len(b))
			}
			v, d, _ := g.feed(b, frag.Meta{})
			if v.Dropped() {
				t.Fatalf("fragment %d: %v", i, v)
			}
			if d != nil {
				got = d
			}
		}
		// A fragment that was cut further does not become complete.
		if got != nil && !bytes.Equal(got[len(got)-1000:], p[len(p)-1000:]) {
			t.Fatal("came back different")
		}
		g.checkBooks()
	}
}

// FuzzAccounting does anything, in any order, with little memory.
func FuzzAccounting(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 0, 129, 2, 3})                              // two fragments
	f.Add([]byte{0, 1, 2, 3, 251, 9, 0, 1, 2, 3})                        // time in between
	f.Add(bytes.Repeat([]byte{7, 200, 99, 31}, 300))                     // memory used up
	f.Add(append(bytes.Repeat([]byte{1, 2, 40, 9}, 70), 254, 1, 252, 2)) // flushed
	f.Fuzz(func(t *testing.T, b []byte) {
		g := newRig(t, &frag.Config{MaxBytes: 256 << 10, MaxDatagrams: 64, MaxFragments: 16, Tombstone: len(b)%2 == 0,
			Policy: frag.Policy(len(b) % 9), MaxDistance: len(b) % 5 * 8})
		for n := 0; len(b) >= 4; n++ {
			op := b[:4]
			b = b[4:]
			switch {
			case op[0] >= 254:
				g.r.Flush()
			case op[0] >= 250:
				g.now += (int64(op[1]) - 64) * second / 4
				g.r.Expire(g.now)
			default:
				fl := flow(4 + int(op[0])%2*2)
				fl.ID += uint32(op[0] >> 4)
				fl.Src = fl.Src.Next()
				p := fl.Append(nil, script.Piece{Off: int(op[1]&127) * 8, Len: int(op[2]) * 8 * (1 + int(op[3]&31)), More: op[1] < 128})
				g.feed(p, frag.Meta{Zone: uint16(op[3] >> 6)})
			}
			if n%32 == 0 {
				if err := g.r.Check(); err != nil {
					t.Fatal(err)
				}
			}
		}
		g.checkBooks()
	})
}
