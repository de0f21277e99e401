// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Script says what happens to a network, and when: "time travel".
//
//	at 1s down a-b          the link is cut
//	at 2s up a-b
//	at 3s partition a c     nothing passes between a and c; more than two nodes: a b | c d
//	at 5s heal              all partitions end
//	at 6s crash b           the node is gone, and what it knew
//	at 7s restart b
//	at 8s address a 10.0.0.9/24
//
// A "#" begins a comment.
type Script []Step

// A Step is a line of a [Script].
type Step struct {
	At   time.Duration // since the network was made
	Op   Op
	Args []string
	Line int // its number in the text
}

// An Op is what a [Step] does.
type Op string

// The operations.
const (
	OpDown      Op = "down"
	OpUp        Op = "up"
	OpPartition Op = "partition"
	OpHeal      Op = "heal"
	OpCrash     Op = "crash"
	OpRestart   Op = "restart"
	OpAddress   Op = "address"
)

// usage of the operations, the words after the time.
var opUsage = []struct {
	op          Op
	least, most int // arguments
	usage       string
}{
	{OpDown, 1, 1, "down LINK"},
	{OpUp, 1, 1, "up LINK"},
	{OpPartition, 2, 1000, "partition NODE NODE, or partition NODE... | NODE..."},
	{OpHeal, 0, 0, "heal"},
	{OpCrash, 1, 1, "crash NODE"},
	{OpRestart, 1, 1, "restart NODE"},
	{OpAddress, 2, 2, "address NODE[:INTERFACE] ADDRESS/BITS"},
}

// A ScriptError says what is wrong with a line of a script.
type ScriptError struct {
	Line   int
	Text   string
	Reason string
}

func (e *ScriptError) Error() string {
	return fmt.Sprintf("script, line %d: %q: %s", e.Line, e.Text, e.Reason)
}

// ParseScript reads the text of a script. The error is a *ScriptError.
func ParseScript(text string) (Script, error) {
	var s Script
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		step, reason := parseStep(w)
		if reason != "" {
			return nil, &ScriptError{n, strings.Join(w, " "), reason}
		}
		step.Line = n
		s = append(s, step)
	}
	return s, nil
}

func parseStep(w []string) (s Step, reason string) {
	if w[0] != "at" || len(w) < 3 {
		return s, "want: at TIME WHAT"
	}
	d, err := time.ParseDuration(w[1])
	switch {
	case err != nil:
		return s, fmt.Sprintf("%q is no time, such as 3s or 1500ms", w[1])
	case d < 0:
		return s, "the time is negative"
	}
	s.At, s.Op = d, Op(w[2])
	if len(w) > 3 {
		s.Args = slices.Clone(w[3:])
	}
	for _, u := range opUsage {
		if u.op != s.Op {
			continue
		}
		if len(s.Args) < u.least || len(s.Args) > u.most {
			return s, "want: " + u.usage
		}
		if s.Op == OpPartition {
			return s, s.checkGroups(u.usage)
		}
		return s, ""
	}
	var known []string
	for _, u := range opUsage {
		known = append(known, string(u.op))
	}
	return s, fmt.Sprintf("there is no %q; there are %s", s.Op, strings.Join(known, ", "))
}

func (s *Step) checkGroups(usage string) (reason string) {
	if !slices.Contains(s.Args, "|") {
		if len(s.Args) != 2 {
			return "want: " + usage
		}
		s.Args = []string{s.Args[0], "|", s.Args[1]}
	}
	seen := map[string]bool{}
	for _, g := range s.groups() {
		if len(g) == 0 {
			return "a side has no node"
		}
		for _, n := range g {
			if seen[n] {
				return fmt.Sprintf("%s is named twice", n)
			}
			seen[n] = true
		}
	}
	return ""
}

// groups returns the sides of a partition.
func (s *Step) groups() [][]string {
	all := [][]string{nil}
	for _, a := range s.Args {
		if a == "|" {
			all = append(all, nil)
		} else {
			all[len(all)-1] = append(all[len(all)-1], a)
		}
	}
	return all
}

// String returns the step as a line of a script.
func (s Step) String() string {
	return strings.TrimSpace(fmt.Sprintf("at %v %s %s", s.At, s.Op, strings.Join(s.Args, " ")))
}

// String returns the script as text.
func (s Script) String() string {
	var b strings.Builder
	for _, st := range s {
		b.WriteString(st.String())
		b.WriteByte('\n')
	}
	return b.String()
}
