// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package script

import (
	"math/rand/v2"
	"slices"
)

// A Generator makes scripts. The zero values mean the defaults.
type Generator struct {
	Rand *rand.Rand

	// MaxLen is the most bytes of the datagram that is cut; the default is
	// 2000. A hundredth of the scripts is about a datagram of more than 60,000.
	MaxLen int
}

// Script returns the next script: a datagram cut cleanly, in order, reversed or
// shuffled, with none to three changes. Pieces are filled with their number.
func (g *Generator) Script() Script {
	r := g.Rand
	most := g.MaxLen
	if most == 0 {
		most = 2000
	}
	total := 9 + r.IntN(most-8)
	steps := []int{8, 16, 24, 64, 128, 8 * (1 + r.IntN(40))}
	step := steps[r.IntN(len(steps))]
	if r.IntN(100) == 0 {
		total, step = 60000+r.IntN(5536), 1024+8*r.IntN(1000)
		if r.IntN(2) == 0 { // about the largest there can be
			total = 65500 + r.IntN(37)
		}
	}
	s := cut(total, step)
	switch r.IntN(3) {
	case 1:
		slices.Reverse(s)
	case 2:
		r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	}
	for range r.IntN(4) {
		s = g.change(s, total)
	}
	return s
}

func cut(total, step int) Script {
	var s Script
	for off := 0; off < total; off += step {
		n := min(step, total-off)
		s = append(s, Piece{off, n, off+n < total, byte(len(s))})
	}
	return s
}

// change makes one change: a piece twice, elsewhere, longer, shorter, with the
// other flag, lost, made up, or everything again.
func (g *Generator) change(s Script, total int) Script {
	r := g.Rand
	if len(s) == 0 {
		return s
	}
	fill := byte(128 + len(s))
	i := r.IntN(len(s))
	p := s[i]
	p.Fill = fill
	switch r.IntN(7) {
	case 0:
		if r.IntN(2) == 0 {
			p.Fill = s[i].Fill
		}
	case 1:
		p.Off = max(0, p.Off+8-16*r.IntN(2))
	case 2:
		by := []int{1, 3, 8, 16}[r.IntN(4)]
		p.Len = max(0, p.Len+by-2*by*r.IntN(2))
	case 3:
		p.More = !p.More
	case 4:
		return slices.Delete(s, i, i+1)
	case 5:
		p = Piece{8 * r.IntN(total/8+2), r.IntN(12) * 8, r.IntN(4) != 0, fill}
	case 6:
		again := slices.Clone(s)
		for k := range again {
			again[k].Fill += 64
		}
		return append(s, again...)
	}
	if p.Off > 65528 || p.Off+p.Len > 65600 {
		return s
	}
	if r.IntN(2) == 0 { // instead of the piece
		s[i] = p
		return s
	}
	return slices.Insert(s, r.IntN(len(s)+1), p)
}

// Shrink returns a script as small as it finds for which fails still holds.
func Shrink(s Script, fails func(Script) bool) Script {
	for smaller := true; smaller; {
		smaller = false
		for n := len(s) / 2; n > 0; n /= 2 {
			for i := 0; i+n <= len(s); {
				t := slices.Delete(slices.Clone(s), i, i+n)
				if fails(t) {
					s, smaller = t, true
				} else {
					i += n
				}
			}
		}
	}
	return s
}
