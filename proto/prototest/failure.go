// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"strings"
	"testing"

	"protean/transport/impair"
)

// A Failure is a run of a scenario that failed.
type Failure struct {
	Seed   uint64
	Tried  int             // seeds, this one included
	Faults impair.Schedule // all that struck
	Few    impair.Schedule // as few of them as it takes; none can be left out
	Runs   int             // that it took to find them
	Least  bool            // all smaller choices were tried, too
	Log    string          // what the run with Few printed
	Trace  string          // what happened to its packets

	Simpler *Failure // with another seed, fewer faults are enough; nil if none was found soon
}

// best is the run with the fewest faults.
func (e *Failure) best() *Failure {
	if e.Simpler != nil {
		return e.Simpler
	}
	return e
}

// command returns the command that runs the scenario again.
func (e *Failure) command(t *testing.T) string {
	faults := strings.ReplaceAll(strings.TrimSpace(e.Few.String()), "\n", "; ")
	return fmt.Sprintf("%s=%d %s='%s' %s", envSeed, e.Seed, envFaults, faults, command(t.Name()))
}

// String returns a report.
func (e *Failure) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d fails, after %d that were tried; of its %d faults, %d are enough", e.Seed, e.Tried, len(e.Faults), len(e.Few))
	if !e.Least {
		b.WriteString(" (perhaps others are, and fewer)")
	}
	fmt.Fprintf(&b, ", as %d runs have shown:\n%s\n%s", e.Runs, indent(e.Few.String()), e.Log)
	const most = 100
	lines := strings.SplitAfter(e.Trace, "\n")
	if n := len(lines); n > most {
		fmt.Fprintf(&b, "the last events of that run, %d before them:\n", n-most)
		lines = lines[n-most:]
	} else {
		b.WriteString("that run:\n")
	}
	b.WriteString(indent(strings.Join(lines, "")))
	return b.String()
}

func indent(s string) string {
	return "\t" + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n\t") + "\n"
}
