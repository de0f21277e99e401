// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// faultEnv names the fault in the environment of a child process.
const faultEnv = "TRANSPORTTEST_FAULT"

// TestSuiteFailsForMutants runs, for each way in which mem can break the
// contract, the subtest that is about it, in a process of its own, and demands
// that it fails and says why.
func TestSuiteFailsForMutants(t *testing.T) {
	all := mutants()
	outputs := make([]string, len(all))
	var children sync.WaitGroup
	slots := make(chan struct{}, 10) // most of them wait most of the time
	for i, m := range all {
		children.Go(func() {
			slots <- struct{}{}
			outputs[i] = child(t, m)
			<-slots
		})
	}
	children.Wait()
	for i, m := range all {
		t.Run(m.fault, func(t *testing.T) {
			out := outputs[i]
			failed := "--- FAIL: TestMutant/" + strings.ReplaceAll(m.subtest, " ", "_") + " "
			switch {
			case !strings.Contains(out, failed):
				t.Errorf("the subtest did not fail:\n%s", out)
			case !strings.Contains(out, m.says):
				t.Errorf("the failure does not say %q:\n%s", m.says, out)
			}
		})
	}
}

// TestEverySubtestHasAMutant keeps the suite from growing subtests of which
// nobody knows whether they can fail.
func TestEverySubtestHasAMutant(t *testing.T) {
	has := map[string]bool{}
	for _, m := range mutants() {
		has[m.subtest[strings.Index(m.subtest, "/")+1:]] = true
	}
	for _, s := range append(generalTests(), packetTests()...) {
		if !has[s.name] && s.name != "abilities are found through decorators" { // tests As more than the transport
			t.Errorf("no mutant fails %q", s.name)
		}
	}
}

// child runs the subtest for the mutant and returns what it printed.
func child(t *testing.T, m mutant) string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	pattern := "^TestMutant$"
	for _, level := range strings.Split(m.subtest, "/") {
		pattern += "/^" + strings.ReplaceAll(level, " ", "_") + "$"
	}
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", pattern, "-test.v")
	cmd.Env = append(os.Environ(), faultEnv+"="+m.fault)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}

// TestMutant is what the child process runs.
func TestMutant(t *testing.T) {
	fault := os.Getenv(faultEnv)
	if fault == "" {
		t.Skip("runs in the child processes of TestSuiteFailsForMutants")
	}
	for _, m := range mutants() {
		if m.fault == fault {
			cfg := memConfig(fault, nil, m.change)
			cfg.Watchdog = time.Second
			Run(t, cfg)
			return
		}
	}
}
