// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A LivelockError says that so many steps were taken at one instant that time
// will most likely never go on: something answers itself over links without
// delay, or a [Stepper] always wants to be called again. The limit is
// [Config].MaxSteps.
type LivelockError struct {
	Time   time.Time // virtual
	Steps  int       // taken at that time
	Handle string    // polled last; empty if none was

	// Last are the last steps, those of one kind counted together, the most
	// frequent first.
	Last []LivelockStep
}

// A LivelockStep is what was done in some of the last steps before a
// [LivelockError].
type LivelockStep struct {
	What  string // "poll of a#1", "packet from a:eth0 to b:eth0"
	Count int
}

func (e *LivelockError) Error() string {
	s := fmt.Sprintf("sim: %d steps at %s without an end", e.Steps, e.Time.Format(time.RFC3339Nano))
	if e.Handle != "" {
		s += ", the last one by " + e.Handle
	}
	if len(e.Last) == 0 {
		return s
	}
	total := 0
	for _, l := range e.Last {
		total += l.Count
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s; of the last %d", s, total)
	const most = 6
	for i, l := range e.Last[:min(most, len(e.Last))] {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %d: %s", l.Count, l.What)
	}
	if len(e.Last) > most {
		fmt.Fprintf(&b, ", and %d others", len(e.Last)-most)
	}
	return b.String()
}

// watched is how many of the last steps a LivelockError tells of.
const watched = 1000

// watch notes what the next step does, if the limit is near.
func (n *Network) watch(what func() string) {
	if n.cfg.MaxSteps < 0 || n.steps < n.cfg.MaxSteps-watched {
		return
	}
	if n.steps == max(0, n.cfg.MaxSteps-watched) {
		n.seen = n.seen[:0]
	}
	n.seen = append(n.seen, what())
}

// String says what happens when s does.
func (s *source) String() string {
	switch s.kind {
	case sourcePipe:
		return "packet from " + s.dir.from.String() + " to " + s.dir.to.String()
	case sourceTimer:
		return "timer of " + s.t.name
	case sourceStamp:
		return "stamp for " + s.t.name
	case sourceAsking:
		return "neighbour of " + s.asking.out.from.String()
	}
	return "function called"
}

// livelock returns the error for too many steps.
func (n *Network) livelock() *LivelockError {
	e := &LivelockError{Time: unix(n.now), Steps: n.steps}
	if n.last != nil {
		e.Handle = n.last.name
	}
	at := map[string]int{}
	for _, what := range n.seen {
		i, ok := at[what]
		if !ok {
			i = len(e.Last)
			at[what] = i
			e.Last = append(e.Last, LivelockStep{What: what})
		}
		e.Last[i].Count++
	}
	slices.SortStableFunc(e.Last, func(a, b LivelockStep) int { return b.Count - a.Count })
	n.seen = nil
	return e
}
