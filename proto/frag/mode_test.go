// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"testing"
	"time"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

// TestModes plays scripts under configurations that are not the default.
func TestModes(t *testing.T) {
	for _, c := range []struct {
		name, script string
		c            frag.Config
		want         string
	}{
		{"overlap-resend under Tombstone", "0+24MA 16+16MB 0+16MC 16+16MD 32+8E", frag.Config{Tombstone: true}, "none"},
		{"conflict under Tombstone", "32+8L 40+8N 0+16MA 16+8B", frag.Config{Tombstone: true}, "none"},
		{"exact duplicate under CompareDrop", "0+16MA 0+16MA 16+8B", frag.Config{Duplicates: frag.CompareDrop}, "AAB/24"},
		{"other bytes under CompareDrop", "0+16MA 0+16MX 16+8B", frag.Config{Duplicates: frag.CompareDrop}, "none"},
		{"part with other bytes under CompareDrop", "0+16MA 16+16MB 8+16MX 32+8C", frag.Config{Duplicates: frag.CompareDrop}, "none"},
		{"long with other bytes under CompareDrop", "0+4000MA 8+3000MX 4000+8C", frag.Config{Duplicates: frag.CompareDrop}, "none"},
		{"reuse-lost-tail under CompareRestart", "0+16MA 0+16MN 16+8n", frag.Config{Duplicates: frag.CompareRestart}, "NNn/24"},
		{"exact duplicate under CompareRestart", "16+8n 16+8n 0+16MN", frag.Config{Duplicates: frag.CompareRestart}, "NNn/24"},
		{"odd20-next16 under TrimOdd", "0+20MA 16+8B", frag.Config{TrimOdd: true}, "AAB/24"},
		{"odd7 under TrimOdd", "0+7MA 0+8MB 8+8C", frag.Config{TrimOdd: true}, "BC/16"},
		{"three fragments of at most two", "0+8MA 8+8MB 16+8C", frag.Config{MaxFragments: 2}, "none"},
		{"two fragments of at most two", "8+8B 0+8MA", frag.Config{MaxFragments: 2}, "AB/16"},
		{"three fragments of at most one", "0+8MA 8+8MB 16+8C", frag.Config{MaxFragments: 1}, "none"},
		{"unknown policy", "0+24MA 16+16MB 32+8C", frag.Config{Policy: 200}, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, &c.c)
			if got := show(g.play(flow4, script.MustParse(c.script))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			g.checkBooks()
		})
	}
}

// TestTombstoneEnds: the verdict is forgotten when the datagram's time would
// have been over, without an event.
func TestTombstoneEnds(t *testing.T) {
	g := newRig(t, &frag.Config{Tombstone: true, Timeout4: 5 * time.Second,
		OnExpire: func(*frag.Expired) { t.Error("a datagram that was dropped expired") }})
	g.play(flow4, script.MustParse("0+24MA 16+16MB"))
	g.now = 5*second - 1
	if v, _, _ := g.feed(piece(flow4, "0+16MC"), frag.Meta{}); v != frag.Overlap {
		t.Errorf("before the end: %v", v)
	}
	g.now++
	if out := g.play(flow4, script.MustParse("0+16MC 16+8D")); show(out) != "CCD/24" {
		t.Errorf("after the end: %s", show(out))
	}
	g.checkBooks()
}

func TestPolicyNames(t *testing.T) {
	for _, p := range policies {
		if got, ok := frag.ParsePolicy(p.String()); !ok || got != p {
			t.Errorf("%v: %v, %v", p, got, ok)
		}
	}
	if _, ok := frag.ParsePolicy("none"); ok {
		t.Error("parsed a policy that does not exist")
	}
}

func TestVerdictsHaveNamesAndReasons(t *testing.T) {
	seen := make(map[string]bool)
	for v := range frag.NumVerdicts {
		if s := v.String(); s == "" || seen[s] {
			t.Errorf("verdict %d: name %q", v, s)
		} else {
			seen[s] = true
		}
		if v.Dropped() != (v.Reason() != frag.NotDropped) {
			t.Errorf("%v: dropped %v, reason %d", v, v.Dropped(), v.Reason())
		}
	}
}
