// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package pace

import "testing"

func TestGuessesInVainAreFewAndGoodOnesGoOn(t *testing.T) {
	var g Guess
	tries := 0
	for range 10_000 {
		if g.Try() {
			tries++
			g.Found(false)
		}
	}
	if tries < 10_000>>mostCautious || tries > 10_000>>mostCautious+mostCautious {
		t.Errorf("%d tries in vain for 10000 waits", tries)
	}
	for !g.Try() {
	}
	g.Found(true)
	for i := range 100 {
		if !g.Try() {
			t.Fatalf("no try after %d good ones", i+1)
		}
		g.Found(true)
	}
	g.Found(false)
	waits := 0
	for !g.Try() {
		waits++
	}
	if waits != 1 {
		t.Errorf("%d waits after one try in vain among many good ones, want 1", waits)
	}
}
