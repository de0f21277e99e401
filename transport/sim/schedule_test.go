// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"slices"
	"testing"
	"time"

	"protean/transport/impair"
	"protean/transport/sim"
)

// recorded sends 500 packets over a faulty link and returns what arrived, in
// order, and the faults that struck.
func recorded(t *testing.T, filter impair.Filter) (numbers []int, s impair.Schedule) {
	t.Helper()
	var r impair.Recorder
	p := newPair(t, &sim.Config{Seed: 3, Filter: filter, Recorder: &r}, &sim.LinkConfig{
		Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, ReorderDelay: 5 * time.Millisecond,
	})
	for _, g := range stream(t, p, 500, 60, 100*time.Microsecond) {
		numbers = append(numbers, number(g))
	}
	return numbers, r.Schedule()
}

func TestARecordedScheduleGivesTheSameRun(t *testing.T) {
	want, s := recorded(t, nil)
	kinds := map[impair.Kind]int{}
	for _, id := range s {
		kinds[id.Kind]++
	}
	for _, k := range []impair.Kind{impair.KindLoss, impair.KindDuplicate, impair.KindReorder, impair.KindJitter} {
		if kinds[k] < 20 {
			t.Errorf("%d faults of kind %v in 500 packets", kinds[k], k)
		}
	}
	got, again := recorded(t, s.Filter())
	if !slices.Equal(got, want) || !slices.Equal(again, s) {
		t.Errorf("with all %d faults of the schedule allowed, another run results", len(s))
	}
}

func TestOnlyTheFaultsThatAFilterAllowsStrike(t *testing.T) {
	_, all := recorded(t, nil)
	var few impair.Schedule
	for i, id := range all {
		if id.Kind != impair.KindJitter && i%7 == 0 {
			few = append(few, id)
		}
	}
	numbers, s := recorded(t, few.Filter())
	slices.SortFunc(few, compareIDs)
	slices.SortFunc(s, compareIDs)
	if !slices.Equal(s, few) {
		t.Fatalf("%d faults struck, %d were allowed", len(s), len(few))
	}
	want := map[int]int{}
	for i := range 500 {
		want[i] = 1
	}
	for _, id := range few {
		switch id.Kind {
		case impair.KindLoss:
			want[int(id.Number)]--
		case impair.KindDuplicate:
			want[int(id.Number)]++
		}
	}
	for _, n := range numbers {
		want[n]--
	}
	for i, n := range want {
		if n != 0 {
			t.Errorf("packet %d arrived %+d times too few", i, n)
		}
	}
}

func compareIDs(a, b impair.ID) int {
	if a.Number != b.Number {
		return int(a.Number) - int(b.Number)
	}
	return int(a.Kind) - int(b.Kind)
}
