// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

// TestFeedDoesNotAllocate once it has seen as much as it will see.
func TestFeedDoesNotAllocate(t *testing.T) {
	for _, c := range []struct {
		name         string
		c            frag.Config
		family, n, k int // fragments, bytes each
		order        int
	}{
		{"two in order", frag.Config{}, 4, 2, 1480, 0},
		{"45 in order", frag.Config{}, 4, 45, 1448, 0},
		{"100 shuffled", frag.Config{}, 6, 100, 64, 2},
		{"reversed under Linux", frag.Config{Policy: frag.Linux}, 6, 45, 1448, 1},
		{"shuffled under BSD", frag.Config{Policy: frag.BSD}, 4, 45, 1448, 2},
		{"jumbo frames", frag.Config{}, 6, 7, 8960, 2},
		{"distances", frag.Config{MaxDistance: 64}, 4, 2, 64, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := load(c.family, c.n, c.k)
			orders[c.order].do(p)
			r := frag.NewReassembler(&c.c)
			var d frag.Datagram
			id := uint32(0)
			run := func() {
				id++
				for _, b := range p {
					setID(b, id)
					r.Feed(int64(id), b, frag.Meta{}, &d)
				}
			}
			run()
			if n := testing.AllocsPerRun(100, run); n != 0 {
				t.Errorf("%v allocations", n)
			}
			if s := r.Stats(); s.Datagrams != 102 {
				t.Errorf("%d datagrams", s.Datagrams)
			}
		})
	}
	t.Run("overlaps under BSD", func(t *testing.T) {
		r := frag.NewReassembler(&frag.Config{Policy: frag.BSD})
		var p [][]byte
		for _, q := range script.MustParse("0+24MA 16+16MB 8+8MC 32+8D") {
			p = append(p, flow4.Append(nil, q))
		}
		var d frag.Datagram
		run := func() {
			for _, b := range p {
				r.Feed(0, b, frag.Meta{}, &d)
			}
		}
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if s := r.Stats(); s.Datagrams != 102 {
			t.Errorf("%d datagrams", s.Datagrams)
		}
	})
	t.Run("flood", func(t *testing.T) {
		r := frag.NewReassembler(&frag.Config{MaxBytes: 1 << 20})
		b := flow4.Append(nil, script.Piece{Off: 8, Len: 200, More: true})
		x := uint64(1)
		var d frag.Datagram
		run := func() {
			forge(b, &x)
			r.Feed(0, b, frag.Meta{}, &d)
		}
		for range 20000 {
			run()
		}
		if n := testing.AllocsPerRun(1000, run); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
	t.Run("expiry", func(t *testing.T) {
		expired := 0
		r := frag.NewReassembler(&frag.Config{OnExpire: func(x *frag.Expired) { expired += len(x.First) }})
		b := load(4, 2, 1480)[0]
		now := int64(0)
		var d frag.Datagram
		run := func() {
			r.Feed(now, b, frag.Meta{}, &d)
			now += 30 * second
			r.Expire(now)
		}
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if expired != 102*1500 {
			t.Errorf("%d bytes expired", expired)
		}
	})
}

func TestSplitDoesNotAllocate(t *testing.T) {
	var s frag.Splitter
	b := make([]byte, 1500)
	ids := frag.NewIDs([16]byte{1})
	for name, p := range map[string][]byte{"IPv4": packet4(t, 65000, nil), "IPv6": packet6(t, 65000, nil)} {
		run := func() {
			if err := s.Split(p, 1500, ids.Next(0, p), frag.SplitConfig{}); err != nil {
				t.Fatal(err)
			}
			for s.Next() {
				if _, err := s.Copy(b); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
