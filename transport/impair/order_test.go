// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"slices"
	"testing"
	"time"
)

// metas returns the numbers of packets in the order in which they came out.
func metas(all []arrived) (n []int) {
	for _, a := range all {
		n = append(n, a.meta)
	}
	return n
}

func TestReorderingByDistance(t *testing.T) {
	// Every fourth packet is overtaken by the next three.
	l := newLab(t, nil, "reorder every 4 distance 3 hold 1h", "")
	got := metas(l.stream(16, time.Millisecond))
	want := []int{0, 1, 2, 4, 5, 6, 3, 8, 9, 10, 7, 12, 13, 14, 11, 15}
	if !slices.Equal(got, want) {
		t.Errorf("arrived %v, want %v", got, want)
	}
	if s := l.pipes[0].Stats(); s.Reordered != 4 {
		t.Errorf("%d are counted", s.Reordered)
	}
}

func TestAPacketThatNothingOvertakesIsHeldNoLongerThanAllowed(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"reorder 100% distance 5":           DefaultHold,
		"reorder 100% distance 5 hold 7ms":  7 * time.Millisecond,
		"reorder 100% hold 3ms":             3 * time.Millisecond,
		"delay 2ms reorder 100% distance 5": DefaultHold + 2*time.Millisecond,
	} {
		l := newLab(t, nil, text, "")
		all := l.stream(1, time.Second)
		if len(all) != 1 || all[0].took() != want {
			t.Errorf("%s: %v, want a delay of %v", text, all, want)
		}
	}
}

func TestReorderingHasItsProbability(t *testing.T) {
	const n = 20000
	for _, text := range []string{"reorder 10% distance 2 hold 1h", "reorder 10% hold 1500us"} {
		l := newLab(t, nil, text, "")
		late, last := 0, -1
		for _, m := range metas(l.stream(n, time.Millisecond)) {
			if m < last {
				late++
			}
			last = max(last, m)
		}
		within(t, text+": held back", int(l.pipes[0].Stats().Reordered), n, 0.1)
		// Held for 1.5 ms, a packet is overtaken unless the next one is held as
		// well; with a distance of 2, always, but for the last two packets.
		p := 0.1
		if text == "reorder 10% hold 1500us" {
			p = 0.09
		}
		within(t, text+": late", late, n, p)
	}
}

func TestACopyComesBehindItsOriginal(t *testing.T) {
	l := newLab(t, nil, "duplicate 100%", "")
	if got := metas(l.stream(3, 0)); !slices.Equal(got, []int{0, 0, 1, 1, 2, 2}) {
		t.Errorf("arrived %v", got)
	}
	l = newLab(t, nil, "duplicate 100% delay 5ms delay 1ms", "")
	all := l.stream(3, time.Millisecond)
	if got := metas(all); !slices.Equal(got, []int{0, 1, 2, 0, 1, 2}) {
		t.Errorf("with a delay, arrived %v", got)
	}
	for _, a := range all {
		want := time.Millisecond
		if a.copy != 0 {
			want = 6 * time.Millisecond
		}
		if a.took() != want {
			t.Errorf("packet %d, copy %d, took %v", a.meta, a.copy, a.took())
		}
	}
}

func TestCopiesHaveTheirOwnFate(t *testing.T) {
	const n = 20000
	l := newLab(t, nil, "duplicate 100% loss 50%", "")
	var times [n]int
	for _, a := range l.stream(n, time.Microsecond) {
		times[a.meta]++
	}
	var hist [3]int
	for _, k := range times {
		hist[k]++
	}
	within(t, "neither arrives", hist[0], n, 0.25)
	within(t, "one arrives", hist[1], n, 0.5)
	within(t, "both arrive", hist[2], n, 0.25)
}

func TestCopiesAreMadeBehindAQueue(t *testing.T) {
	for _, text := range []string{
		"rate 8mbit codel duplicate 100%", "reorder 100% distance 1 hold 1ms duplicate 100%", "delay 1ms duplicate 100% rate 8mbit duplicate 100%",
	} {
		l := newLab(t, nil, text, "")
		want := 20
		if text[0] == 'd' {
			want = 40
		}
		if got := l.stream(10, time.Microsecond); len(got) != want {
			t.Errorf("%s: %d packets arrived of 10, want %d", text, len(got), want)
		}
	}
}

func TestClearEmptiesThePipe(t *testing.T) {
	for _, text := range []string{
		"delay 1s", "delay 1s overtake", "rate 1kbit codel", "reorder 100% distance 9", "rate 1kbit", "duplicate 100% delay 1s",
		"delay 1ms rate 1kbit codel delay 1s",
	} {
		l := newLab(t, nil, text, "")
		for i := range 10 {
			l.send(0, i, packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 80)))
		}
		l.pass(2 * time.Millisecond)
		out := len(l.out[0])
		l.pipes[0].Clear()
		l.balance()
		l.pass(time.Hour)
		if len(l.out[0]) != out || l.pipes[0].Stats().Cleared != uint64(10-out) {
			t.Errorf("%s: %d packets arrive after Clear: %+v", text, len(l.out[0])-out, l.pipes[0].Stats())
		}
		// It goes on.
		l.send(0, 99, packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 80)))
		l.pass(time.Hour)
		l.balance()
		if len(l.out[0]) == out {
			t.Errorf("%s: nothing arrives that was sent after Clear", text)
		}
	}
}

func TestUnderANewProgramOldPacketsFinish(t *testing.T) {
	l := newLab(t, nil, "rate 8mbit codel duplicate 100% delay 1ms", "")
	for i := range 10 {
		l.send(0, i, make([]byte, 1000))
	}
	f, _, err := (&Link{}).Compile(Pipeline{Rate{Bits: 8e6, CoDel: &CoDel{}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.pipes[0].Set(f)
	for i := range 10 {
		l.send(0, 100+i, make([]byte, 1000))
	}
	l.pass(time.Hour)
	l.balance()
	var old, new int
	for _, a := range l.out[0] {
		if a.meta < 100 {
			old++
		} else {
			new++
		}
	}
	if old != 20 || new != 10 {
		t.Errorf("%d old packets and %d new ones arrived, want 20 and 10", old, new)
	}
}

func TestDuplicationHasItsProbabilityAndCanBeRepeated(t *testing.T) {
	const n = 20000
	l := newLab(t, nil, "duplicate 20% duplicate 50%", "")
	copies := map[uint16]int{}
	for _, a := range l.stream(n, time.Microsecond) {
		copies[a.copy]++
	}
	if copies[0] != n {
		t.Errorf("%d originals of %d arrived", copies[0], n)
	}
	within(t, "copies by the first", copies[1], n, 0.2)
	within(t, "copies by the second", copies[2], n, 0.5)
	within(t, "copies of copies", copies[3], n, 0.1)
}

// TestAddingAFaultDoesNotMoveAnother compares which packets each stage strikes
// alone and in company.
func TestAddingAFaultDoesNotMoveAnother(t *testing.T) {
	struck := func(text string) Schedule {
		var r Recorder
		l := newLab(t, &Link{Name: "l", Seed: 9, Hook: Hook{Recorder: &r}}, text, "")
		l.stream(2000, time.Microsecond)
		return r.Schedule()
	}
	stages := []string{"duplicate 5%", "reorder 5% hold 10us", "corrupt 5%", "reorder every 7 distance 2", "delay 1us jitter 1us", "gemodel 2% 30%", "loss 5%"}
	all := ""
	for _, s := range stages {
		all += s + " "
	}
	together := map[ID]bool{}
	for _, id := range struck(all) {
		together[id] = true
	}
	for i, s := range stages {
		stage := uint8(0)
		if i == 3 {
			stage = 1 // the second of its kind
		}
		for _, id := range struck(s) {
			id.Stage = stage
			// A packet that an earlier stage lost does not get as far; here
			// only the last two lose any.
			if !together[id] && s != "loss 5%" {
				t.Errorf("%s: %v strikes alone, but not with the other stages", s, id)
			}
		}
	}
}

func TestAScheduleOfAllKindsCanBeReplayedInPart(t *testing.T) {
	const text = "loss 5% gemodel 2% 30% drop every 50 duplicate 5% corrupt 5% reorder 5% distance 2 hold 1ms delay 1ms jitter 1ms overtake"
	run := func(f Filter) (Schedule, []arrived) {
		var r Recorder
		l := newLab(t, &Link{Name: "l", Seed: 4, Hook: Hook{Filter: f, Recorder: &r}}, text, "")
		out := l.stream(1000, 100*time.Microsecond)
		return r.Schedule(), out
	}
	all, out := run(nil)
	kinds := map[Kind]int{}
	for _, id := range all {
		kinds[id.Kind]++
	}
	if len(kinds) != numKinds-1 {
		t.Fatalf("faults of kinds %v", kinds)
	}
	parsed, err := ParseSchedule(all.String())
	if err != nil {
		t.Fatal(err)
	}
	again, out2 := run(parsed.Filter())
	if !slices.Equal(again, all) || !slices.EqualFunc(out, out2, func(a, b arrived) bool {
		return a.at == b.at && a.meta == b.meta && string(a.data) == string(b.data)
	}) {
		t.Error("the whole schedule gives another run")
	}
	none, out := run(Schedule{}.Filter())
	if len(none) != 0 || len(out) != 1000 || !slices.IsSortedFunc(out, func(a, b arrived) int { return a.meta - b.meta }) {
		t.Errorf("without faults, %d packets arrive, or not in order, and %d faults strike", len(out), len(none))
	}
	half := all[:0:0]
	for i, id := range all {
		if i%2 == 0 && id.Copy == 0 {
			half = append(half, id)
		}
	}
	got, _ := run(half.Filter())
	seen := map[ID]bool{}
	for _, id := range got {
		seen[id] = true
	}
	for _, id := range got {
		if !slices.Contains(half, id) {
			t.Errorf("%v strikes, which was not allowed", id)
		}
	}
	for _, id := range half {
		lostBefore := slices.ContainsFunc(half, func(o ID) bool {
			return o.Number == id.Number && o != id && (o.Kind == KindLoss || o.Kind == KindGEModel || o.Kind == KindDrop)
		})
		if !seen[id] && !lostBefore {
			t.Errorf("%v does not strike, which was allowed", id)
		}
	}
}
