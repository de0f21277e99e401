// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"net/netip"
	"testing"

	"protean/proto/wire"
)

func idPacket(tb testing.TB, src, dst string, protocol uint8) []byte {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	var b []byte
	var err error
	if s.Is4() {
		f := wire.IPv4Fields{Src: s, Dst: d, Protocol: protocol}
		b = make([]byte, f.Len())
		err = f.Marshal(b)
	} else {
		f := wire.IPv6Fields{Src: s, Dst: d, Protocol: protocol}
		b = make([]byte, f.Len())
		err = f.Marshal(b)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestSipHash: the published vectors, of the key 00 01 ... 0f and the message
// 00 01 02 ...
func TestSipHash(t *testing.T) {
	key := [2]uint64{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	words := []uint64{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	for n, want := range []uint64{0x726fdb47dd0e0e31, 0x93f5f5799a932462, 0x3f2acc7f57c29bdb} {
		if got := sipHash(&key, words[:n]...); got != want {
			t.Errorf("%d bytes: %#x, want %#x", 8*n, got, want)
		}
	}
}

// TestIDsDoNotRepeat: 65,535 of them are all different, for two flows at
// a time that share a counter.
func TestIDsDoNotRepeat(t *testing.T) {
	g := NewIDs([16]byte{1})
	g.slots = g.slots[:1]
	shared := func(flow uint64) uint64 { return flow / idSlots * idSlots }
	a, b := shared(12345678901), shared(98765432109)
	var seen [2][1 << 16]bool
	for i := range 65535 {
		k, flow := 0, a
		if i%3 == 0 {
			k, flow = 1, b
		}
		id := g.next4(0, flow)
		if id == 0 || id > 0xffff || seen[k][id] {
			t.Fatalf("identification %d: %#x", i, id)
		}
		seen[k][id] = true
	}
}

func TestPermutationIsOne(t *testing.T) {
	g := NewIDs([16]byte{2})
	var seen [1 << 16]bool
	for n := range uint32(1 << 16) {
		id := g.permute(n, 42, 8)
		if id > 0xffff || seen[id] {
			t.Fatalf("permute(%d) = %#x", n, id)
		}
		seen[id] = true
	}
	wide := make(map[uint32]bool)
	for n := range uint32(100000) {
		wide[g.permute(n*40503, 42, 16)] = true
	}
	if len(wide) != 100000 {
		t.Errorf("%d of 100000 are different", len(wide))
	}
}

// TestIDsAreNotSteps: consecutive identifications differ by all sorts of
// amounts, and those of two flows have nothing in common.
func TestIDsAreNotSteps(t *testing.T) {
	for _, p := range [][2][]byte{
		{idPacket(t, "192.0.2.1", "198.51.100.1", 253), idPacket(t, "192.0.2.1", "198.51.100.1", 254)},
		{idPacket(t, "2001:db8::1", "2001:db8::2", 253), idPacket(t, "2001:db8::1", "2001:db8::3", 253)},
	} {
		g := NewIDs([16]byte{3})
		steps := make(map[uint32]int)
		same := 0
		last := g.Next(0, p[0])
		for range 2000 {
			id := g.Next(0, p[0])
			steps[id-last]++
			last = id
			if g.Next(0, p[1]) == id {
				same++
			}
		}
		if len(steps) < 1900 || same > 2 {
			t.Errorf("%d different steps of 2000, %d equal in both flows", len(steps), same)
		}
	}
}

func TestIDsOfWhatIsNoPacket(t *testing.T) {
	g := NewIDs([16]byte{4})
	for _, b := range [][]byte{nil, make([]byte, 60), {0x45}, append([]byte{0x60}, make([]byte, 38)...)} {
		if id := g.Next(0, b); id != 0 {
			t.Errorf("% x: %#x", b, id)
		}
	}
}

// TestWrapRisk: 65,536 identifications in less than thirty seconds are too
// many.
func TestWrapRisk(t *testing.T) {
	p := idPacket(t, "192.0.2.1", "198.51.100.1", 253)
	for _, c := range []struct {
		perSecond int
		risk      bool
	}{{2000, false}, {2400, true}} {
		g := NewIDs([16]byte{5})
		for i := range 65536 {
			g.Next(int64(i)*1e9/int64(c.perSecond), p)
		}
		if got := g.WrapRisk() > 0; got != c.risk {
			t.Errorf("%d a second: risk %d", c.perSecond, g.WrapRisk())
		}
	}
}
