// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package pace

import (
	"testing"
	"time"
)

func TestGuessesInVainAreFewAndGoodOnesGoOn(t *testing.T) {
	var g Guess
	tries := 0
	for range 10_000 {
		if g.Try(1) {
			tries++
			g.Found(false)
		}
	}
	if tries < 10_000>>mostCautious || tries > 10_000>>mostCautious+mostCautious {
		t.Errorf("%d tries in vain for 10000 waits", tries)
	}
	for !g.Try(1) {
	}
	g.Found(true)
	for i := range 100 {
		if !g.Try(1) {
			t.Fatalf("no try after %d good ones", i+1)
		}
		g.Found(true)
	}
	g.Found(false)
	waits := 0
	for !g.Try(1) {
		waits++
	}
	if waits != 1 {
		t.Errorf("%d waits after one try in vain among many good ones, want 1", waits)
	}
}

func TestGuessesEndInAQuestion(t *testing.T) {
	var g Guess
	for range 3 {
		now := time.Hour // since it was asked, another time may pass before the first try
		if !g.Try(now) || !g.Try(now+GuessFor) || g.Try(now+GuessFor+1) || g.Try(now+time.Hour) {
			t.Error("tries go on for longer, or shorter")
		}
		g.Asked()
	}
}
