// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"protean/proto/frag"
	"protean/proto/frag/internal/bytemap"
	"protean/proto/frag/internal/linuxref"
	"protean/proto/frag/internal/script"
)

var (
	scripts = flag.Int("scripts", 5000, "random scripts per family and policy")
	seed    = flag.Uint64("seed", 0, "seed of the random scripts; 0: another every time")
)

func newSeed(tb testing.TB) uint64 {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	tb.Logf("repeat with: -seed=%d", s)
	return s
}

// An oracle reassembles one datagram.
type oracle interface {
	Feed(off int, data []byte, more bool) []byte
}

type linuxOracle struct {
	m     *linuxref.Model
	fired linuxref.Rules
}

func (o *linuxOracle) Feed(off int, data []byte, more bool) []byte {
	out, fired := o.m.Feed(off, data, more)
	o.fired |= fired
	return out
}

// unlimited is a configuration that has no limit on fragments: models have none.
func unlimited(p frag.Policy) *frag.Config {
	return &frag.Config{Policy: p, MaxFragments: 8192}
}

func newOracle(family int, p frag.Policy) oracle {
	switch p {
	case frag.Linux:
		return &linuxOracle{m: linuxref.New(family, 0)}
	case frag.Drop:
		return &linuxOracle{m: linuxref.New(family, linuxref.Defaults)}
	}
	return bytemap.New(family, p.String())
}

var policies = []frag.Policy{frag.Drop, frag.Linux, frag.First, frag.Last, frag.BSD,
	frag.BSDRight, frag.LinuxClassic, frag.Windows, frag.Solaris}

// expect is what the oracle delivers for p. Whole datagrams pass it by.
func expect(o oracle, p script.Piece) []byte {
	if p.Whole() {
		return p.Data()
	}
	return o.Feed(p.Off, p.Data(), p.More)
}

// agree plays s to a Reassembler and to the oracle and reports the first step
// at which they differ, or -1.
func agree(g *rig, o oracle, f *script.Flow, s script.Script) int {
	for i, p := range s {
		want := expect(o, p)
		if got := g.piece(f, p); !bytes.Equal(got, want) {
			return i
		}
	}
	return -1
}

// TestRandomScriptsAgreeWithTheOracles compares, step by step, under every
// policy and for both families.
func TestRandomScriptsAgreeWithTheOracles(t *testing.T) {
	for _, p := range policies {
		for _, family := range []int{4, 6} {
			t.Run(p.String()+map[int]string{4: "/IPv4", 6: "/IPv6"}[family], func(t *testing.T) {
				n := newSeed(t)
				gen := script.Generator{Rand: rand.New(rand.NewPCG(n, uint64(family)))}
				g := newRig(t, unlimited(p))
				f := flow(family)
				count := *scripts
				if p != frag.Linux && p != frag.Drop {
					count /= 4
				}
				for range count {
					s := gen.Script()
					f.ID++
					g.pass()
					if agree(g, newOracle(family, p), &f, s) < 0 {
						continue
					}
					s = script.Shrink(s, func(s script.Script) bool {
						return agree(newRig(t, unlimited(p)), newOracle(family, p), &f, s) >= 0
					})
					at := agree(newRig(t, unlimited(p)), newOracle(family, p), &f, s)
					t.Fatalf("differs at step %d of: %v", at, s)
				}
				g.checkBooks()
			})
		}
	}
}

// TestTheDefaultDiffersFromLinuxOnlyByRule runs the default policy against the
// kernel's behaviour itself: where they differ, a rule must have made the
// difference at that step or before.
func TestTheDefaultDiffersFromLinuxOnlyByRule(t *testing.T) {
	for _, family := range []int{4, 6} {
		n := newSeed(t)
		gen := script.Generator{Rand: rand.New(rand.NewPCG(n, uint64(family)))}
		f := flow(family)
		var seen linuxref.Rules
		same, different := 0, 0
		g := newRig(t, unlimited(frag.Drop))
		for range *scripts {
			s := gen.Script()
			f.ID++
			g.pass()
			kernel, rules := newOracle(family, frag.Linux), newOracle(family, frag.Drop).(*linuxOracle)
			differed := false
			for i, p := range s {
				expect(rules, p)
				want := expect(kernel, p)
				if got := g.piece(&f, p); !bytes.Equal(got, want) {
					differed = true
					if rules.fired == 0 {
						t.Fatalf("differs from Linux at step %d, and no rule says why: %v", i, s)
					}
				}
			}
			if differed {
				different++
				seen |= rules.fired
			} else {
				same++
			}
		}
		t.Logf("IPv%d: %d scripts end as with Linux, %d otherwise, by rules %05b", family, same, different, seen)
		if same == 0 || different == 0 {
			t.Errorf("IPv%d: the scripts do not try both", family)
		}
		g.checkBooks()
	}
}

// TestInterleavedScriptsDoNotMix plays two to eight scripts at a time, which
// differ in identification, protocol or address.
func TestInterleavedScriptsDoNotMix(t *testing.T) {
	for _, family := range []int{4, 6} {
		n := newSeed(t)
		r := rand.New(rand.NewPCG(n, uint64(family)))
		gen := script.Generator{Rand: r}
		for range *scripts / 50 {
			g := newRig(t, unlimited(frag.Linux))
			type play struct {
				f script.Flow
				s script.Script
				o oracle
			}
			var plays []play
			for k := range 2 + r.IntN(7) {
				f := flow(family)
				switch {
				case k%3 == 1 && family == 4:
					f.Protocol -= uint8(k)
				case k%3 == 2:
					f.Src, f.Dst = f.Dst, f.Src
					f.ID += uint32(k / 3)
				default:
					f.ID += uint32(k) << 4
				}
				plays = append(plays, play{f, gen.Script(), newOracle(family, frag.Linux)})
			}
			for len(plays) > 0 {
				k := r.IntN(len(plays))
				p := &plays[k]
				if len(p.s) == 0 {
					plays = append(plays[:k], plays[k+1:]...)
					continue
				}
				want := expect(p.o, p.s[0])
				if got := g.piece(&p.f, p.s[0]); !bytes.Equal(got, want) {
					t.Fatalf("got %s, want %s", script.Units(got), script.Units(want))
				}
				p.s = p.s[1:]
			}
			g.checkBooks()
		}
	}
}
