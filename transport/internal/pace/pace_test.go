// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package pace

import (
	"testing"
	"time"
)

// drive has a loop wait n times, with packets coming at a constant rate, each
// as many as have come in d.
func drive(p *Pacer, now *time.Time, got *uint64, n int, d time.Duration, perSecond uint64) (naps int) {
	for range n {
		*now = now.Add(d)
		*got += perSecond * uint64(d) / uint64(time.Second)
		if p.Next(*now, *got) {
			naps++
		}
	}
	return naps
}

func TestALoopNapsOnlyAtHighRates(t *testing.T) {
	for _, c := range []struct {
		perSecond uint64
		naps      bool
	}{{0, false}, {1_000, false}, {50_000, false}, {99_000, false}, {101_000, true}, {1_000_000, true}} {
		var p Pacer
		now, got := time.Unix(1e9, 0), uint64(0)
		drive(&p, &now, &got, window, time.Millisecond, c.perSecond) // the first window has no start
		if naps := drive(&p, &now, &got, 10*window, time.Millisecond, c.perSecond); (naps == 10*window) != c.naps || !c.naps && naps != 0 {
			t.Errorf("%d packets per second: %d naps in %d waits", c.perSecond, naps, 10*window)
		}
	}
}

// One packet per wait and answer, as fast as a round trip takes, is not a high
// rate: a nap would multiply its latency.
func TestQuestionAndAnswerDoNotMakeALoopNap(t *testing.T) {
	var p Pacer
	now, got := time.Unix(1e9, 0), uint64(0)
	for range 1000 {
		now = now.Add(12 * time.Microsecond)
		got++
		if p.Next(now, got) {
			t.Fatal("a nap")
		}
	}
}

func TestALoopStopsNappingWhenPacketsStop(t *testing.T) {
	var p Pacer
	now, got := time.Unix(1e9, 0), uint64(0)
	drive(&p, &now, &got, 3*window, time.Millisecond, 1_000_000)
	if !p.Next(now, got) {
		t.Fatal("no nap at a million packets per second")
	}
	p.Idle()
	if naps := drive(&p, &now, &got, 5*window, time.Millisecond, 0); naps != 0 {
		t.Errorf("%d naps without packets", naps)
	}
}
