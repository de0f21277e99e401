// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"testing"
	"time"
)

// Packets that are in the pipe when its program changes have stages of the old
// one before them that hold packets, but hold none at the time.
func TestPacketsUnderWayFinishTheirProgramWhenItChanges(t *testing.T) {
	for _, old := range []string{
		"delay 10ms rate 1mbit codel",
		"delay 10ms reorder 100% distance 3 hold 5ms",
		"delay 10ms rate 1mbit codel reorder every 2 distance 1",
	} {
		for _, next := range []string{"", "delay 1ms", "rate 1mbit codel"} {
			l := newLab(t, nil, old, "")
			const n = 5
			send := func() {
				for i := range n {
					l.send(0, i, packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 80)))
				}
			}
			send()
			l.pass(5 * time.Millisecond)
			p, err := Parse(next)
			if err != nil {
				t.Fatal(err)
			}
			f, _, err := (&Link{Name: "l", Seed: 1}).Compile(p, nil)
			if err != nil {
				t.Fatal(err)
			}
			l.pipes[0].Set(f)
			send()
			l.pass(time.Hour)
			if s := l.pipes[0].Stats(); s.Delivered != 2*n {
				t.Errorf("%q, then %q: %+v", old, next, s)
			}
			l.balance()
			if len(l.pipes[0].holds) > 3 {
				t.Errorf("%q, then %q: %d holds", old, next, len(l.pipes[0].holds))
			}
		}
	}
}
