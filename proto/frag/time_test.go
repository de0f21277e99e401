// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

// TestExpiry: a datagram is given up when its time is over, counted from its
// first fragment, and its fragment at offset 0 is handed out as it came.
func TestExpiry(t *testing.T) {
	for _, family := range []int{4, 6} {
		for _, firstHeld := range []bool{true, false} {
			t.Run(fmt.Sprintf("IPv%d/first held %v", family, firstHeld), func(t *testing.T) {
				var got []frag.Expired
				g := newRig(t, &frag.Config{OnExpire: func(x *frag.Expired) {
					y := *x
					y.First = bytes.Clone(x.First)
					got = append(got, y)
				}})
				f := flow(family)
				f.Options = []byte{1, 1, 1, 0}
				first := piece(f, "0+2000MA")
				if !firstHeld {
					first = piece(f, "8+8MA")
				}
				g.now = 5 * second
				g.feed(first, frag.Meta{IfIndex: 7, Cookie: 99})
				limit := int64(map[int]time.Duration{4: 30 * time.Second, 6: 60 * time.Second}[family])
				if at, ok := g.r.Next(); !ok || at != 5*second+limit {
					t.Errorf("Next is %d, %v", at, ok)
				}
				g.now += limit - 1
				g.feed(piece(f, "3000+8MC"), frag.Meta{IfIndex: 8})
				g.r.Expire(g.now)
				if len(got) != 0 {
					t.Fatalf("expired early: %+v", got)
				}
				if at, _ := g.r.Next(); at != g.now+1 {
					t.Errorf("Next moved to %d", at)
				}
				g.r.Expire(g.now + 1)
				if len(got) != 1 || got[0].Fragments != 2 || got[0].Version != family {
					t.Fatalf("expired: %+v", got)
				}
				if firstHeld && (!bytes.Equal(got[0].First, first) || got[0].Meta != frag.Meta{IfIndex: 7, Cookie: 99}) {
					t.Errorf("first fragment: %+v", got[0])
				}
				if !firstHeld && got[0].First != nil {
					t.Errorf("a first fragment that never came: % x", got[0].First)
				}
				if _, ok := g.r.Next(); ok {
					t.Error("Next: something is left")
				}
				if n := g.r.Stats().Dropped[frag.TimedOut]; n != 2 {
					t.Errorf("%d fragments timed out", n)
				}
				g.checkBooks()
			})
		}
	}
}

func TestNextIsTheEarlierOfBothFamilies(t *testing.T) {
	for _, c := range []struct{ at4, at6, want int64 }{{0, 0, 30}, {40, 0, 60}, {0, 20, 30}} {
		g := newRig(t, nil)
		first, last := func() { g.now = c.at4 * second; g.feed(piece(flow4, "0+8MA"), frag.Meta{}) },
			func() { g.now = c.at6 * second; g.feed(piece(flow6, "0+8MA"), frag.Meta{}) }
		if c.at4 > c.at6 {
			first, last = last, first
		}
		first()
		last()
		if at, ok := g.r.Next(); !ok || at != c.want*second {
			t.Errorf("IPv4 at %d, IPv6 at %d: Next is %d, %v", c.at4, c.at6, at, ok)
		}
		g.checkBooks()
	}
}

// TestTimerFixed: later fragments do not extend the time, and one that comes
// too late starts a datagram of its own even if Expire was never called.
func TestTimerFixed(t *testing.T) {
	expired := 0
	g := newRig(t, &frag.Config{Timeout4: 2 * time.Second, OnExpire: func(*frag.Expired) { expired++ }})
	for _, step := range []struct {
		at    int64
		piece string
		want  frag.Verdict
	}{{0, "0+16MA", frag.Held}, {1.4e9, "16+16MB", frag.Held}, {2.6e9, "32+8C", frag.Held}} {
		g.now = step.at
		if v, _, _ := g.feed(piece(flow4, step.piece), frag.Meta{}); v != step.want {
			t.Errorf("%s: %v", step.piece, v)
		}
	}
	if expired != 1 {
		t.Errorf("%d expired", expired)
	}
	g.checkBooks()
}

// TestLateDuplicate: a fragment that is repeated after its datagram was
// complete expires as one of its own.
func TestLateDuplicate(t *testing.T) {
	expired := 0
	g := newRig(t, &frag.Config{OnExpire: func(*frag.Expired) { expired++ }})
	if out := g.play(flow4, script.MustParse("0+16MA 16+8B 0+16MA")); show(out) != "AAB/24" {
		t.Fatal(show(out))
	}
	g.r.Expire(31 * second)
	if expired != 1 {
		t.Errorf("%d expired", expired)
	}
	g.checkBooks()
}

// TestClockJumps: back counts as standing still, ahead expires; nothing is held
// for ever, nothing overflows.
func TestClockJumps(t *testing.T) {
	expired := 0
	g := newRig(t, &frag.Config{OnExpire: func(*frag.Expired) { expired++ }})
	f := flow4
	feed := func(now int64, text string) frag.Verdict {
		g.now = now
		v, _, _ := g.feed(piece(f, text), frag.Meta{})
		return v
	}
	feed(1000*second, "0+8MA")
	feed(10*second, "8+8MB")
	g.r.Expire(39 * second)
	if expired != 0 {
		t.Fatal("expired after a clock that went back")
	}
	if v := feed(39*second, "16+8C"); v != frag.Complete {
		t.Fatal(v)
	}
	f.ID++
	feed(1000*second, "0+8MA")
	feed(10*second, "8+8MB")
	g.r.Expire(39 * second)
	if expired != 0 {
		t.Fatal("expired early after a clock that went back")
	}
	if at, ok := g.r.Next(); !ok || at != 40*second {
		t.Errorf("Next is %d, %v after a clock that went back", at, ok)
	}
	g.r.Expire(40 * second)
	if expired != 1 {
		t.Fatal("did not expire after a clock that went back")
	}
	expired = 0
	f.ID++
	feed(-1<<62, "0+8MA")
	g.r.Expire(-1<<62 + 31*second)
	if expired != 1 {
		t.Fatal("did not expire")
	}
	f.ID++
	feed(0, "0+8MA")
	g.r.Expire(1 << 62)
	if expired != 2 {
		t.Fatal("did not expire after a jump ahead")
	}
	g.checkBooks()
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		between int
		other   bool // the foreign fragments are from another source
		limit   int
		want    frag.Verdict
	}{
		{63, false, 64, frag.Complete},
		{64, false, 64, frag.Held},
		{64, true, 64, frag.Complete},
		{1000, false, 0, frag.Complete},
	} {
		t.Run(fmt.Sprintf("%d between, other source %v, limit %d", c.between, c.other, c.limit), func(t *testing.T) {
			g := newRig(t, &frag.Config{Policy: frag.Linux, MaxDistance: c.limit})
			g.feed(piece(flow4, "0+16MA"), frag.Meta{})
			f := flow4
			if c.other {
				f.Src = netip.MustParseAddr("192.0.2.9")
			}
			for range c.between {
				f.ID++
				g.feed(piece(f, "0+16MX"), frag.Meta{})
			}
			if v, _, _ := g.feed(piece(flow4, "16+8B"), frag.Meta{}); v != c.want {
				t.Errorf("verdict %v, want %v", v, c.want)
			}
			if n := g.r.Stats().Dropped[frag.TooFar]; (n == 1) != (c.want == frag.Held) {
				t.Errorf("%d too far", n)
			}
			g.checkBooks()
		})
	}
}
