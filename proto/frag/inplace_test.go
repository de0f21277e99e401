// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
	"protean/proto/wire"
)

// A sent is a datagram whose fragments are sent in some order, each behind a header
// of another length, and some of them twice or overlapping.
type sent struct {
	flow script.Flow
	data []byte
	left []script.Piece
}

func newSent(r *rand.Rand, id uint32, overlaps bool) *sent {
	s := &sent{flow: flow([]int{4, 6}[r.IntN(2)]), data: make([]byte, 8*(2+r.IntN(500)))}
	s.flow.ID = id
	for i := range s.data { // different at each place of each datagram
		s.data[i] = byte(i*7) ^ byte(i>>8) ^ byte(id*151)
	}
	for at := 0; at < len(s.data); {
		n := min(8*(1+r.IntN(len(s.data)/8)), len(s.data)-at)
		if at == 0 {
			n = min(n, len(s.data)-8)
		}
		s.left = append(s.left, script.Piece{Off: at, Len: n, More: at+n < len(s.data)})
		at += n
	}
	for _, p := range s.left {
		if r.IntN(4) == 0 && p.More {
			if overlaps {
				p.Len = min(p.Len+8*r.IntN(9), len(s.data)-8-p.Off)
			}
			s.left = append(s.left, p)
		}
	}
	r.Shuffle(len(s.left), func(i, j int) { s.left[i], s.left[j] = s.left[j], s.left[i] })
	return s
}

// next returns the next fragment, behind a header that is longer by at most most.
func (s *sent) next(r *rand.Rand, most int) []byte {
	p := s.left[0]
	s.left = s.left[1:]
	s.flow.Options, s.flow.Ext = nil, nil
	if r.IntN(2) == 0 {
		if s.flow.Src.Is4() {
			s.flow.Options = bytes.Repeat([]byte{1}, 4*r.IntN(11))
		} else {
			s.flow.Ext = []wire.Ext{{Type: wire.ExtRouting, Data: make([]byte, 8*(1+r.IntN(most/8))-2)}}
		}
	}
	return s.flow.AppendData(nil, p.Off, s.data[p.Off:p.Off+p.Len], p.More)
}

// TestDatagramsInTurnsComeWhole has the fragments of some datagrams come in
// turns, and looks at every byte.
func TestDatagramsInTurnsComeWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(newSeed(t), 9))
	const most = 400 // longer than what there is room for in place
	for _, c := range []struct {
		cfg      frag.Config
		overlaps bool
	}{
		{cfg: frag.Config{}}, {cfg: frag.Config{Duplicates: frag.CompareDrop}}, {cfg: frag.Config{Duplicates: frag.CompareRestart}},
		{cfg: frag.Config{MaxBytes: 256 << 10}}, {cfg: frag.Config{Policy: frag.Linux}},
		{frag.Config{Policy: frag.First}, true}, {frag.Config{Policy: frag.Last}, true},
	} {
		for _, atOnce := range []int{1, 2, 40} {
			t.Run(fmt.Sprintf("%v,%d,%d,%d", c.cfg.Policy, c.cfg.Duplicates, c.cfg.MaxBytes, atOnce), func(t *testing.T) {
				c.cfg.MaxDistance = -1 // all have one source
				g, whole := newRig(t, &c.cfg), 0
				var open []*sent
				for id := uint32(1); id < 800 || len(open) > 0; {
					if id < 800 && len(open) < atOnce {
						open = append(open, newSent(r, id, c.overlaps))
						id++
					}
					k := r.IntN(len(open))
					s := open[k]
					for range 1 + r.IntN(2)*r.IntN(8) { // one, or some in a row
						if len(s.left) == 0 {
							break
						}
						b := s.next(r, most)
						v, p, _ := g.feed(b, frag.Meta{})
						if v == frag.Complete {
							whole++
							if !bytes.HasSuffix(p, s.data) || len(p) > len(s.data)+40+most {
								t.Fatalf("datagram %d has other data than was sent", s.flow.ID)
							}
							s.left = nil // else duplicates begin another one
						}
					}
					if len(s.left) == 0 {
						open[k] = open[len(open)-1]
						open = open[:len(open)-1]
					}
					if r.IntN(50) == 0 {
						g.pass()
						if err := g.r.Check(); err != nil {
							t.Fatal(err)
						}
					}
				}
				if whole < 700 {
					t.Errorf("%d datagrams are complete", whole)
				}
			})
		}
	}
}

// TestWhatExpiresIsToldFromWhereItIs: also of a datagram that is kept in place.
func TestWhatExpiresIsToldFromWhereItIs(t *testing.T) {
	for _, family := range []int{4, 6} {
		var got []byte
		g := newRig(t, &frag.Config{OnExpire: func(x *frag.Expired) { got = bytes.Clone(x.First) }})
		f, data := flow(family), make([]byte, 1000)
		for i := range data {
			data[i] = byte(i * 13)
		}
		first := f.AppendData(nil, 0, data, true)
		g.feed(f.AppendData(nil, 1000, data, true), frag.Meta{})
		g.feed(first, frag.Meta{})
		g.now += 100 * second
		g.r.Expire(g.now)
		if !bytes.Equal(got, first) {
			t.Errorf("IPv%d: told of\n%x, want\n%x", family, got, first)
		}
	}
}
