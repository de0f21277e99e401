// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"protean/transport/impair"
	"protean/transport/sim"
)

// A Search says in which runs of a scenario to look for failures. The zero
// value of each field is its default.
type Search struct {
	First  uint64 // the first seed; 0: 1
	Seeds  int    // how many; 0: 1000
	Bubble bool   // run the scenario in a testing/synctest bubble

	// MaxRuns is about how many more runs may be made to find out which faults
	// it takes. 0: 5000.
	MaxRuns int
}

// A Scenario is a test that is run with many seeds. It makes its network with
// cfg, in which it may set everything but Seed, Filter and Recorder, and has
// no state of its own from one run to the next. tb is not that of the test: if
// it fails, that is what was looked for.
type Scenario func(tb testing.TB, cfg *Config)

// Seeds runs a scenario with one seed after the other. If one fails, t fails
// and is told the seed, the fewest faults that make it fail, the command that
// runs it again with these, and the trace of that run. With PROTEAN_SEED set
// there is only that run, with the faults in PROTEAN_FAULTS, if that is set.
// s may be nil.
func Seeds(t *testing.T, s *Search, f Scenario) {
	t.Helper()
	if os.Getenv(envSeed) != "" {
		replayEnv(t, s, f)
		return
	}
	if e := s.Find(t, f); e != nil {
		t.Errorf("%s\nto run it again:\n\t%s", e, e.command(t))
		if o := e.Simpler; o != nil {
			t.Errorf("%s\nto run that again:\n\t%s", o, o.command(t))
		}
	}
}

// replayEnv runs the scenario as the environment says.
func replayEnv(t *testing.T, s *Search, f Scenario) {
	t.Helper()
	cfg := &Config{Seed: seed(t, 0)}
	if text, ok := os.LookupEnv(envFaults); ok {
		faults, err := impair.ParseSchedule(strings.ReplaceAll(text, ";", "\n"))
		if err != nil {
			t.Fatalf("%s: %v", envFaults, err)
		}
		cfg.Filter = faults.Filter()
	}
	p := &probe{TB: t}
	p.run(s != nil && s.Bubble, func(tb testing.TB) { f(tb, cfg) })
	t.Log(p.log.String())
	if p.Failed() {
		t.Fail()
	}
}

// Replay runs a scenario with a seed and the faults of a schedule, as Seeds
// reports it. A failure of the scenario is tb's.
func Replay(tb testing.TB, seed uint64, schedule string, f Scenario) {
	tb.Helper()
	faults, err := impair.ParseSchedule(schedule)
	if err != nil {
		tb.Fatal(err)
	}
	f(tb, &Config{Seed: seed, Filter: faults.Filter()})
}

// Find runs a scenario with one seed after the other until one fails, the
// smallest, and finds out which faults it takes. It returns nil if none does.
func (s *Search) Find(tb testing.TB, f Scenario) *Failure {
	tb.Helper()
	var c Search
	if s != nil {
		c = *s
	}
	if c.First == 0 {
		c.First = 1
	}
	if c.Seeds == 0 {
		c.Seeds = 1000
	}
	if c.MaxRuns == 0 {
		c.MaxRuns = 5000
	}
	for i := range c.Seeds {
		seed := c.First + uint64(i)
		if r := c.run(tb, f, seed, nil, false); r.failed {
			e := &Failure{Seed: seed, Tried: i + 1}
			c.shrink(tb, f, e, true)
			c.simpler(tb, f, e, c.Seeds-i-1)
			return e
		}
	}
	return nil
}

// simpler looks at some of the next seeds that fail, up to most, for one that
// takes fewer faults.
func (s *Search) simpler(tb testing.TB, f Scenario, e *Failure, most int) {
	const look = 10
	for i, found := 1, 0; i <= most && found < look && len(e.best().Few) > 1; i++ {
		seed := e.Seed + uint64(i)
		if r := s.run(tb, f, seed, nil, false); r.failed {
			found++
			o := &Failure{Seed: seed, Tried: e.Tried + i}
			if s.shrink(tb, f, o, false); len(o.Few) < len(e.best().Few) {
				e.Simpler = o
			}
		}
	}
}

// An outcome is how a run ended.
type outcome struct {
	failed bool
	log    string
	faults impair.Schedule
	trace  string
}

// run runs the scenario once, with the faults of the schedule alone if there is
// one.
func (s *Search) run(tb testing.TB, f Scenario, seed uint64, faults *impair.Schedule, trace bool) outcome {
	var rec impair.Recorder
	cfg := &Config{Seed: seed, Recorder: &rec}
	if faults != nil {
		cfg.Filter = faults.Filter()
	}
	var traces []*Trace
	if trace {
		cfg.made = func(n *sim.Network) { traces = append(traces, Capture(n)) }
	}
	p := &probe{TB: tb, quiet: true}
	p.run(s.Bubble, func(tb testing.TB) { f(tb, cfg) })
	o := outcome{failed: p.Failed(), log: p.log.String(), faults: rec.Schedule()}
	for _, t := range traces {
		o.trace += t.String()
	}
	return o
}

// shrink finds the fewest faults with which the scenario fails.
func (s *Search) shrink(tb testing.TB, f Scenario, e *Failure, thoroughly bool) {
	e.Faults = s.run(tb, f, e.Seed, nil, false).faults
	e.Few = e.Faults
	sh := &shrinker[impair.ID]{left: s.MaxRuns, fails: func(few []impair.ID) bool {
		e.Runs++
		return s.run(tb, f, e.Seed, (*impair.Schedule)(&few), false).failed
	}}
	switch {
	case sh.try(nil):
		e.Few, e.Least = nil, true
	case sh.try(e.Few):
		// Nobody looks at jitter first; to have none makes the trace easy to read.
		if rest := without(e.Few, impair.KindJitter); len(rest) < len(e.Few) && sh.try(rest) {
			e.Few = rest
		}
		few := e.Few
		if e.Few = sh.ddmin(e.Few); thoroughly {
			e.Few, e.Least = sh.fewest(few, e.Few)
		}
	}
	last := s.run(tb, f, e.Seed, &e.Few, true)
	e.Log, e.Trace = last.log, last.trace
}

// without returns the faults of other kinds.
func without(s impair.Schedule, k impair.Kind) impair.Schedule {
	return slices.DeleteFunc(slices.Clone(s), func(id impair.ID) bool { return id.Kind == k })
}
