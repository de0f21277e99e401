// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A DifferenceError says where two runs of a test begin to differ.
type DifferenceError struct {
	Network string    // the file name of its trace
	Runs    [2]string // names
	Event   int       // its number, from 1
	Before  string    // the last event that is the same; empty if there is none
	Got     [2]string // the event in each run; empty if the run ended before
	Cause   string    // what it probably comes from
}

func (e *DifferenceError) Error() string {
	show := func(s string) string {
		if s == "" {
			return "nothing more"
		}
		return s
	}
	return fmt.Sprintf("%s: event %d is not the same in all runs\n  before it: %s\n  %s: %s\n  %s: %s\nprobable cause: %s",
		e.Network, e.Event, show(e.Before), e.Runs[0], show(e.Got[0]), e.Runs[1], show(e.Got[1]), e.Cause)
}

// compareRuns compares the traces of all runs. Up to most of them may differ
// from the others: those are returned, with what they differ in.
func compareRuns(runs []*sameRun, most int) (stray []error, err error) {
	// The first run is compared with, unless it is itself one of a few.
	for i := range min(most+1, len(runs)) {
		if stray, err = compareWith(runs[i], runs); err != nil || len(stray) <= most {
			return stray, err
		}
	}
	return nil, stray[0]
}

// compareWith returns what runs differ in from a given one.
func compareWith(with *sameRun, runs []*sameRun) (differ []error, err error) {
	names, err := traceNames(with.dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s made no network that could be compared", with.name)
	}
	for _, r := range runs {
		d, err := r.compare(with, names)
		switch {
		case err != nil:
			return nil, err
		case d != nil:
			differ = append(differ, d)
		}
	}
	return differ, nil
}

// compare returns the first difference between two runs.
func (r *sameRun) compare(with *sameRun, names []string) (differ, err error) {
	others, err := traceNames(r.dir)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(names, others) {
		return fmt.Errorf("%s made the networks %v, but %s %v", with.name, names, r.name, others), nil
	}
	for _, name := range names {
		want, err := os.ReadFile(filepath.Join(with.dir, name))
		if err != nil {
			return nil, err
		}
		got, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			return nil, err
		}
		if e := difference(string(want), string(got)); e != nil {
			e.Network, e.Runs = name, [2]string{with.name, r.name}
			return e, nil
		}
	}
	return nil, nil
}

func traceNames(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.trace"))
	if err != nil {
		return nil, err
	}
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths, nil
}

// difference returns where two traces begin to differ; nil if they do not.
func difference(a, b string) *DifferenceError {
	if a == b {
		return nil
	}
	x, y := eventLines(a), eventLines(b)
	for i := 0; i < len(x) || i < len(y); i++ {
		e := &DifferenceError{Event: i + 1}
		if i < len(x) {
			e.Got[0] = x[i]
		}
		if i < len(y) {
			e.Got[1] = y[i]
		}
		if e.Got[0] == e.Got[1] {
			continue
		}
		if i > 0 {
			e.Before = x[i-1]
		}
		e.Cause = cause(x[i:], y[i:])
		return e
	}
	return nil
}

func eventLines(s string) []string {
	lines := strings.Split(s, "\n")
	return slices.DeleteFunc(lines, func(l string) bool { return l == "" || l[0] == '#' })
}
