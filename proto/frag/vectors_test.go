// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"fmt"
	"strings"
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

// overlapVectors are fixed scripts with overlaps and what each policy makes of
// them, in units of eight bytes. Novak's and Paxson's are the figures of
// "Target-Based Fragmentation Reassembly" (2005) and of "Active Mapping" (2003).
var overlapVectors = []struct {
	name, script string
	want         string // by policy, in the order of policies
}{
	{"novak", "0+24MA 32+16MB 48+24MC 80+8MD 104+16ME 120+24MF 144+16MG 160+16MH 176+8MI 8+32MJ 48+24MK 72+24ML 96+24MM 128+8MN 152+8MO 160+8MP 176+16Q",
		"none none AAAJBBCCCLDLMEEFFFGGHHIQ AJJJJBKKKLLLMMMFNFGOPHQQ AAAJJBCCCLLLMMMFFFGGHHIQ AJJJBBKKKLDLMEEFNFGOPHQQ AAAJJBKKKLLLMMMFFFGGPHQQ AAAJBBCCCLLLMEEFFFGGHHIQ AAAJBBCCCLLLMMMFFFGGHHIQ"},
	{"paxson", "0+24Ma 32+16Mb 48+24Mc 8+32Md 48+24Me 72+24f",
		"none none aaadbbcccfff addddbeeefff aaaddbcccfff adddbbeeefff aaaddbeeefff aaadbbcccfff aaadbbcccfff"},
	{"tail-over", "0+24MA 16+16MB 32+8C",
		"none none AAABC AABBC AAABC AABBC AAABC AAABC AAABC"},
	{"head-over", "16+16MA 0+24MB 32+8C",
		"none none BBAAC BBBAC BBBAC BBAAC BBBAC BBAAC BBAAC"},
	{"cover", "8+8MA 0+24MB 24+8C",
		"none none BABC BBBC BBBC BABC BBBC BBBC BBBC"},
	{"inside", "0+24MA 8+8MB 24+8C",
		"AAAC AAAC AAAC ABAC AAAC ABAC AAAC AAAC AAAC"},
	{"same-start-longer", "0+8MA 0+16MB 16+8C",
		"none none ABC BBC ABC BBC BBC ABC ABC"},
	{"same-end-longer", "8+8MA 0+16MB 16+8C",
		"none none BAC BBC BBC BAC BBC BAC BBC"},
	{"equal-other-bytes", "0+16MA 0+16MB 16+8C",
		"AAC AAC AAC BBC AAC BBC BBC AAC AAC"},
	{"bridge", "0+16MA 24+16MB 8+24MC 40+8D",
		"none none AACBBD ACCCBD AACCBD ACCBBD AACCBD AACBBD AACBBD"},
	{"jeremy", "0+24MA 40+48MB 24+48MC 88+14D",
		"none none AAACCBBBBBBDD AAACCCCCCBBDD AAACCCCCCBBDD AAACCBBBBBBDD AAACCCCCCBBDD AAACCBBBBBBDD AAACCBBBBBBDD"},
	{"bsd-after-nomf", "24+16A 8+16MB 16+16MC 0+8MD",
		"DBBAA none DBBAA DBCCA DBBCA DBCAA DBBCA DBBAA DBBAA"},
	{"bsd-sub-over-start", "8+24E 0+24MM",
		"none none MEEE MMME MMME MEEE MMME MEEE MEEE"},
	{"bsd-missing", "16+16MA 40+8MB 8+16MC 0+8MZ 48+8D",
		"none none none none none none none none none"},
}

func TestOverlapVectors(t *testing.T) {
	for _, v := range overlapVectors {
		want := strings.Fields(v.want)
		s := script.MustParse(v.script)
		for i, p := range policies {
			for _, family := range []int{4, 6} {
				t.Run(fmt.Sprintf("%s/%v/IPv%d", v.name, p, family), func(t *testing.T) {
					g := newRig(t, &frag.Config{Policy: p})
					got := "none"
					if out := g.play(flow(family), s); len(out) == 1 {
						got = script.Units(out[0])
					} else if len(out) > 1 {
						t.Fatalf("%d datagrams", len(out))
					}
					if got != want[i] {
						t.Errorf("got  %s\nwant %s", got, want[i])
					}
					g.checkBooks()
				})
			}
		}
	}
}

// TestOraclesOnVectors: the oracles themselves give what the vectors say, so
// that they do not merely agree with what they judge.
func TestOraclesOnVectors(t *testing.T) {
	play := func(o oracle, text string) string {
		var out [][]byte
		for _, p := range script.MustParse(text) {
			if d := expect(o, p); d != nil {
				out = append(out, d)
			}
		}
		return show(out)
	}
	for _, v := range overlapVectors {
		want := strings.Fields(v.want)
		for i, p := range policies {
			for _, family := range []int{4, 6} {
				got, _, _ := strings.Cut(play(newOracle(family, p), v.script), "/")
				if got != want[i] {
					t.Errorf("%s/%v/IPv%d: got %s, want %s", v.name, p, family, got, want[i])
				}
			}
		}
	}
	for _, v := range plainVectors {
		want := []string{v.linux4, v.linux6, v.d4, v.d6}
		for i, p := range []frag.Policy{frag.Linux, frag.Linux, frag.Drop, frag.Drop} {
			if want[i] == "*" {
				want[i] = want[i-1]
			}
			if got := play(newOracle(4+i%2*2, p), v.script); got != want[i] {
				t.Errorf("%s/%v/IPv%d: got %s, want %s", v.name, p, 4+i%2*2, got, want[i])
			}
		}
	}
}

// plainVectors are fixed scripts in which nothing is to be decided between
// fragments: what is delivered, in units and bytes, to IPv4 and IPv6 under the
// Linux policy and by default. A star stands for the column before.
var plainVectors = []struct {
	name, script           string
	linux4, linux6, d4, d6 string
}{
	{"inorder", "0+16MA 16+16MB 32+5C", "AABBC/37", "*", "*", "*"},
	{"reverse", "32+5C 16+16MB 0+16MA", "AABBC/37", "*", "*", "*"},
	{"last-second", "0+16MA 32+5C 16+16MB", "AABBC/37", "*", "*", "*"},
	{"one-byte-tail", "0+8MA 8+1B", "AB/9", "*", "*", "*"},
	{"eights", "0+8MA 8+8MB 16+8C", "ABC/24", "*", "*", "*"},
	{"missing-first", "16+16MB 32+5C", "none", "*", "*", "*"},
	{"missing-middle", "0+16MA 32+5C", "none", "*", "*", "*"},
	{"missing-last", "0+16MA 16+16MB", "none", "*", "*", "*"},
	{"dup-first", "0+16MA 0+16MA 16+8B", "AAB/24", "*", "*", "*"},
	{"dup-last", "16+8B 16+8B 0+16MA", "AAB/24", "*", "*", "*"},
	{"whole-twice", "0+16MA 16+8B 0+16MC 16+8D", "AAB/24 CCD/24", "*", "*", "*"},
	{"sub-run-inorder", "0+16MA 16+16MB 8+16MX 32+8C", "AABBC/40", "*", "*", "*"},
	{"sub-run-reversed", "16+16MB 0+16MA 8+16MX 32+8C", "none", "*", "AABBC/40", "*"},
	{"dup-sets-last", "0+16MA 8+8X", "none", "*", "AA/16", "*"},
	{"last-longer", "32+8L 40+8N 0+32MA", "none", "*", "*", "*"},
	{"last-shorter", "32+16L 32+8N 0+32MA", "none", "*", "*", "*"},
	{"past-last", "16+8L 24+8MX 0+16MA", "none", "*", "*", "*"},
	{"last-inside", "24+8MX 16+8L 0+16MA", "none", "*", "*", "*"},
	{"place-mf0-mf1", "16+8L 16+8MX 0+16MA", "AAL/24", "*", "*", "*"},
	{"place-mf1-mf0", "16+8MX 16+8L 0+16MA", "AAX/24", "*", "*", "*"},
	{"zero-middle", "0+16MA 16+0MZ 16+8B", "none", "*", "AAB/24", "*"},
	{"zero-last", "0+16MA 16+0Z", "none", "*", "*", "*"},
	{"zero-first", "0+0MZ 0+16MA 16+8B", "AAB/24", "*", "*", "*"},
	{"odd20-next16", "0+20MA 16+8B", "AAB/24", "none", "none", "*"},
	{"odd20-next24", "0+20MA 24+8B", "none", "*", "*", "*"},
	{"odd7", "0+7MA 0+8MB 8+8C", "BC/16", "*", "*", "*"},
	{"odd7-pending", "8+8C 0+7MA 0+8MB", "none", "BC/16", "*", "*"},
	{"teardrop", "0+36MA 24+4B", "none", "*", "*", "*"},
	{"pod", "65528+100P 0+8MA", "none", "*", "*", "*"},
	{"rose", "0+32MA 64800+8B", "none", "*", "*", "*"},
	{"overlap-resend", "0+24MA 16+16MB 0+16MC 16+16MD 32+8E", "CCDDE/40", "*", "*", "*"},
	{"reuse-lost-tail", "0+16MA 0+16MN 16+8n", "AAn/24", "*", "*", "*"},
	{"reuse-lost-head", "16+8a 0+16MN 16+8n", "NNa/24", "*", "*", "*"},
	{"reuse-other-cut", "0+16MA 0+24MN 24+8n", "none", "*", "*", "*"},
	{"mf0-off0", "0+16A", "AA/16", "*", "*", "*"},
	{"mf0-off0-pending", "0+16MA 0+16X 16+8B", "XX/16 AAB/24", "*", "*", "*"},
}

func TestPlainVectors(t *testing.T) {
	for _, v := range plainVectors {
		want := []string{v.linux4, v.linux6, v.d4, v.d6}
		for i, family := range []int{4, 6, 4, 6} {
			if want[i] == "*" {
				want[i] = want[i-1]
			}
			policy := frag.Drop
			if i < 2 {
				policy = frag.Linux
			}
			t.Run(fmt.Sprintf("%s/%v/IPv%d", v.name, policy, family), func(t *testing.T) {
				g := newRig(t, &frag.Config{Policy: policy})
				if got := show(g.play(flow(family), script.MustParse(v.script))); got != want[i] {
					t.Errorf("got %s, want %s", got, want[i])
				}
				g.checkBooks()
			})
		}
	}
}

// pieces cuts total bytes into pieces of the given length.
func pieces(total, step int) script.Script {
	var s script.Script
	for off := 0; off < total; off += step {
		n := min(step, total-off)
		s = append(s, script.Piece{Off: off, Len: n, More: off+n < total, Fill: 'A' + byte(len(s)%26)})
	}
	return s
}

// TestSizeVectors: the largest datagrams, and the most fragments.
func TestSizeVectors(t *testing.T) {
	var holes script.Script
	for _, first := range []int{0, 8} {
		for off := first; off < 1600; off += 16 {
			holes = append(holes, script.Piece{Off: off, Len: 8, More: off < 1592, Fill: 'A'})
		}
	}
	big := frag.Config{MaxFragments: 8192}
	for _, v := range []struct {
		name    string
		family  int
		s       script.Script
		options int
		c       frag.Config
		want    int // bytes delivered, 0 for none
	}{
		{"max", 4, pieces(65515, 1440), 0, frag.Config{}, 65515},
		{"max", 4, pieces(65515, 1440), 0, frag.Config{Policy: frag.Linux}, 65515},
		{"max+1", 4, pieces(65516, 1440), 0, frag.Config{}, 0},
		{"max+1", 4, pieces(65516, 1440), 0, frag.Config{Policy: frag.Linux}, 0},
		{"max", 6, pieces(65535, 1440), 0, frag.Config{}, 65535},
		{"max+1", 6, pieces(65536, 1440), 0, frag.Config{}, 0},
		{"max-options", 4, pieces(65475, 1440), 40, frag.Config{}, 65475},
		{"max-options+1", 4, pieces(65476, 1440), 40, frag.Config{}, 0},
		{"max-options", 4, pieces(65475, 1440), 40, frag.Config{Policy: frag.Linux}, 65475},
		{"max-options+1", 4, pieces(65476, 1440), 40, frag.Config{Policy: frag.Linux}, 0},
		{"many-holes", 4, holes, 0, frag.Config{}, 0},
		{"many-holes", 6, holes, 0, frag.Config{MaxFragments: 200}, 1600},
		{"many-holes", 4, holes, 0, frag.Config{Policy: frag.Linux}, 1600},
		{"eights-8189", 4, pieces(65512, 8), 0, frag.Config{}, 0},
		{"eights-8189", 4, pieces(65512, 8), 0, big, 65512},
		{"eights-8189", 6, pieces(65512, 8), 0, frag.Config{Policy: frag.Linux}, 65512},
	} {
		t.Run(fmt.Sprintf("%s/%v/IPv%d/%d fragments", v.name, v.c.Policy, v.family, v.c.MaxFragments), func(t *testing.T) {
			g := newRig(t, &v.c)
			f := flow(v.family)
			f.Options = make([]byte, v.options)
			for i := range f.Options {
				f.Options[i] = 1
			}
			got := 0
			for _, p := range v.s {
				g.b = f.Append(g.b[:0], p)
				if _, packet, _ := g.feed(g.b, frag.Meta{}); packet != nil {
					got += len(script.Payload(packet, v.options))
				}
			}
			if got != v.want {
				t.Errorf("delivered %d bytes, want %d", got, v.want)
			}
			g.checkBooks()
		})
	}
}
