// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// leakPatience is how long goroutines that were told to end, and descriptors
// that they close, are given.
const leakPatience = 3 * time.Second

// Main runs the tests of a package and exits with their status, or with 1 if
// they passed and left something over, as [Checked] finds out.
//
//	func TestMain(m *testing.M) { transporttest.Main(m) }
func Main(m interface{ Run() int }) { os.Exit(Checked(m).Run()) }

// Checked returns a runner of m's tests that fails if they passed and left
// goroutines, file descriptors or child processes over, which it prints. Of a
// network namespace, what can be left over is a descriptor or a process. The
// last two are looked for where /proc tells them. A run that fuzzes is not
// checked.
//
//	func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }
func Checked(m interface{ Run() int }) interface{ Run() int } { return checked{m} }

type checked struct{ m interface{ Run() int } }

func (c checked) Run() int {
	code, report := check(c.m.Run, leakPatience)
	if report != "" {
		fmt.Fprintln(os.Stderr, report)
	}
	return code
}

// check is Main without the exit.
func check(run func() int, patience time.Duration) (code int, report string) {
	before := takeStock()
	if code = run(); code != 0 || fuzzing() {
		return code, ""
	}
	if report = before.leaked(patience); report != "" {
		code = 1
	}
	return code, report
}

func fuzzing() bool {
	for _, name := range []string{"test.fuzz", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != f.DefValue {
			return true
		}
	}
	return false
}

// CheckLeaks has tb fail if goroutines, file descriptors or child processes are
// left over when it ends, and all cleanups registered after this call have run, that were not
// there when CheckLeaks was called. It is of no use in tests that run in
// parallel with others.
func CheckLeaks(tb testing.TB) { checkLeaks(tb, leakPatience) }

func checkLeaks(tb testing.TB, patience time.Duration) {
	before := takeStock()
	tb.Cleanup(func() {
		if tb.Failed() {
			return // what hangs has been reported, and may hang on
		}
		if report := before.leaked(patience); report != "" {
			tb.Error(report)
		}
	})
}

// stock is what a process has.
type stock struct {
	goroutines map[string]string // header line without state to stack
	files      map[string]bool
	children   map[string]bool
}

func takeStock() stock {
	openPoller()
	return stock{goroutines(), files(), children()}
}

// leaked returns a report of what is there now and was not before, after
// giving it time to go away; "" if there is nothing.
func (before stock) leaked(patience time.Duration) string {
	var report []string
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		report = report[:0]
		for id, stack := range goroutines() {
			if _, ok := before.goroutines[id]; !ok {
				report = append(report, "leaked "+stack)
			}
		}
		for f := range files() {
			if !before.files[f] {
				report = append(report, "leaked file descriptor "+f)
			}
		}
		for c := range children() {
			if !before.children[c] {
				report = append(report, "leaked child process "+c)
			}
		}
		if len(report) == 0 || time.Now().After(deadline) {
			return strings.Join(report, "\n\n")
		}
	}
}
