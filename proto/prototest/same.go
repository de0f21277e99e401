// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Sameness says how to check that a test does the same in every run. The
// zero value of each field is its default.
type Sameness struct {
	Runs    int           // in fresh processes; 0: 10
	CPUs    []int         // GOMAXPROCS of these runs, in turn; nil: 1 and 2
	Race    bool          // one more with the race detector, if it can be built
	Timeout time.Duration // in real time, for each run; 0: one minute

	// Stray is how many runs may differ from the others, of programs that
	// depend on the scheduler: a test that is not of them leaves it at 0. What
	// they differ in is logged.
	Stray int
}

// envSame is set in the processes that Same starts.
const envSame = "PROTEAN_SAME"

// Same runs the calling test again, in fresh processes, and fails it unless
// what happens on the networks that it makes, or has watched, is the same in
// all runs: every byte of every packet, its fate and its time. If not, it names
// the first difference and what it probably comes from. cfg may be nil. Call it
// first thing in the test; in those processes it does nothing. Options of
// package testing are not passed on.
func Same(t *testing.T, cfg *Sameness) {
	t.Helper()
	if os.Getenv(envSame) != "" {
		return
	}
	var c Sameness
	if cfg != nil {
		c = *cfg
	}
	left, stray, err := c.check(t.TempDir(), "-test.run="+pattern(t.Name()))
	if left != nil {
		t.Logf("no run with the race detector: %v", left)
	}
	for _, e := range stray {
		t.Logf("allowed to differ: %v", e)
	}
	if err != nil {
		t.Error(err)
	}
}

// A sameRun is one run of the tests.
type sameRun struct {
	name   string // such as "run 3 (GOMAXPROCS=1)"
	binary string
	env    []string
	dir    string // where its traces are
	err    error
}

// check runs the tests that args select. left says why there was no run with
// the race detector, if there should have been one.
func (c Sameness) check(dir string, args ...string) (left error, stray []error, err error) {
	if c.Runs == 0 {
		c.Runs = 10
	}
	if c.CPUs == nil {
		c.CPUs = []int{1, 2}
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	var runs []*sameRun
	for i := range c.Runs {
		cpus := strconv.Itoa(c.CPUs[i%len(c.CPUs)])
		runs = append(runs, &sameRun{
			name: fmt.Sprintf("run %d (GOMAXPROCS=%s)", i+1, cpus), binary: self,
			env: []string{"GOMAXPROCS=" + cpus}, dir: filepath.Join(dir, fmt.Sprint("run", i+1)),
		})
	}
	if c.Race && !raceBuilt() {
		binary := filepath.Join(dir, "race.test")
		if left = buildRace(binary); left == nil {
			runs = append(runs, &sameRun{name: "the run with the race detector", binary: binary, dir: filepath.Join(dir, "race")})
		}
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for _, r := range runs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			r.err = r.run(c.Timeout, args)
		})
	}
	wg.Wait()
	for _, r := range runs {
		if r.err != nil {
			return left, nil, r.err
		}
	}
	stray, err = compareRuns(runs, c.Stray)
	return left, stray, err
}

func (r *sameRun) run(timeout time.Duration, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.binary, append(args, "-test.count=1", "-test.timeout=0")...)
	cmd.Env = append(append(os.Environ(), envSame+"=1", envCapture+"="+r.dir), r.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// This makes a Go program print the stacks of its goroutines.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not end within %v.\n%s", r.name, timeout, diagnose(out.String()))
	case err != nil:
		return fmt.Errorf("%s failed: %w\n%s", r.name, err, out.Bytes())
	}
	return nil
}

// raceBuilt reports whether this program has the race detector.
func raceBuilt() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// buildRace builds the tests of the package in the current folder.
func buildRace(binary string) error {
	out, err := exec.Command("go", "test", "-race", "-c", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go test -race -c: %w: %s", err, bytes.TrimSpace(out))
	}
	if _, err := os.Stat(binary); err != nil {
		return errors.New("go test -race -c: nothing was built")
	}
	return nil
}
