// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"protean/transport/transporttest"
)

// Main runs the tests of a package and exits, with status 1 if they left
// goroutines or file descriptors behind. It adds options to "go test":
//
//	-prototest.same N   run the tests selected N times, in fresh processes, and compare what their networks do
//	-prototest.race     once more, with the race detector
//	-prototest.update   write golden traces anew
func Main(m interface{ Run() int }) { os.Exit(Checked(m).Run()) }

// Checked is for a TestMain that has something else to do as well:
//
//	func TestMain(m *testing.M) { os.Exit(netlab.Main(prototest.Checked(m))) }
func Checked(m interface{ Run() int }) interface{ Run() int } {
	return checked{transporttest.Checked(m)}
}

// CheckLeaks has tb fail if it leaves goroutines or file descriptors behind.
func CheckLeaks(tb testing.TB) { transporttest.CheckLeaks(tb) }

// checked adds the options, and does what they say.
type checked struct{ m interface{ Run() int } }

const flagUpdate = "prototest.update"

func (c checked) Run() int {
	same := flag.Int("prototest.same", 0, "run the tests selected `N` times, in fresh processes, and compare what their networks do")
	race := flag.Bool("prototest.race", false, "with -prototest.same, run once more with the race detector")
	flag.Bool(flagUpdate, false, "write golden traces anew")
	flag.Parse()
	if *same == 0 || os.Getenv(envSame) != "" {
		return c.m.Run()
	}
	return runSame(Sameness{Runs: *same, Race: *race})
}

// runSame compares runs of the tests that this process was to run.
func runSame(s Sameness) int {
	dir, err := os.MkdirTemp("", "prototest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	var args []string
	for _, name := range []string{"test.run", "test.skip", "test.short"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != f.DefValue {
			args = append(args, "-"+name+"="+f.Value.String())
		}
	}
	left, _, err := s.check(dir, args...)
	if left != nil {
		fmt.Fprintf(os.Stderr, "no run with the race detector: %v\n", left)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("the same in %d runs\n", s.Runs)
	return 0
}

// updating reports whether golden traces are to be written.
func updating() bool {
	f := flag.Lookup(flagUpdate)
	return os.Getenv(envUpdate) != "" || f != nil && f.Value.String() == "true"
}
