// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"protean/transport/sim"
)

// Environment variables.
const (
	envSeed    = "PROTEAN_SEED"
	envFaults  = "PROTEAN_FAULTS"
	envCapture = "PROTEAN_CAPTURE"
	envUpdate  = "PROTEAN_UPDATE"
)

// Watch has tb say, if it fails, which seed a network had and by which command
// it is run again. With PROTEAN_CAPTURE set to a folder, what happens on the
// network is written to a file there. Networks made by this package are
// watched. Call it before anything is sent, and before the Cleanup that closes
// the network.
func Watch(tb testing.TB, n *sim.Network, seed uint64) {
	tb.Helper()
	if p, ok := tb.(*probe); ok && p.quiet {
		return
	}
	dir := os.Getenv(envCapture)
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the network's seed is %d; to run it again, and keep every packet:\n\t%s=%d %s=/tmp %s",
				seed, envSeed, seed, envCapture, command(tb.Name()))
		}
	})
	if dir == "" {
		return
	}
	f, err := captureFile(dir, tb.Name())
	if err != nil {
		tb.Fatalf("%s: %v", envCapture, err)
	}
	t := &Trace{out: bufio.NewWriter(f)}
	t.attach(n)
	tb.Cleanup(func() {
		t.Stop()
		t.mu.Lock()
		defer t.mu.Unlock()
		fmt.Fprintf(t.out, "# %d events, sum %016x\n", t.n, t.sum.Sum64())
		if err := t.out.Flush(); err != nil {
			tb.Errorf("%s: %v", envCapture, err)
		}
		if err := f.Close(); err != nil {
			tb.Errorf("%s: %v", envCapture, err)
		}
		if tb.Failed() {
			tb.Logf("every packet is in %s", f.Name())
		}
	})
}

// captureFile makes the file for a test's next network.
func captureFile(dir, test string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s.%d.trace", strings.ReplaceAll(test, "/", "_"), i)
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if !os.IsExist(err) {
			return f, err
		}
	}
}

// command returns the command that runs a test.
func command(test string) string {
	pkg := "."
	if info, ok := debug.ReadBuildInfo(); ok {
		if p, ok := strings.CutSuffix(info.Path, ".test"); ok {
			pkg = p
		}
	}
	return fmt.Sprintf("go test -count=1 -run '%s' %s", pattern(test), pkg)
}

// pattern returns the -run pattern of one test.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// seed returns the seed to use: PROTEAN_SEED, or what was configured, or 1.
func seed(tb testing.TB, configured uint64) uint64 {
	tb.Helper()
	if s := os.Getenv(envSeed); s != "" {
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			tb.Fatalf("%s: %v", envSeed, err)
		}
		return n
	}
	if configured != 0 {
		return configured
	}
	return 1
}
