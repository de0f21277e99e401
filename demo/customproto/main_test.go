// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"protean/demo/customproto/xfer"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/transporttest"
)

// commandEnv makes the test binary act as the command.
const commandEnv = "CUSTOMPROTO_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(commandEnv) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(netlab.Main(transporttest.Checked(m)))
}

// call runs the command in this process.
func call(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestTourTransfersAFile(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		var out, progress bytes.Buffer
		o := tour{seed: 1, loss: 0.02, delay: 10e6, rate: 20e6, size: 1 << 20, v6: v6}
		if err := o.run(context.Background(), &out, &progress); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`Sent 1.00 MiB in [0-9.]+m?s: 1[0-9.]+ Mbit/s`,
			`[0-9]+ packets sent, [1-9][0-9]* of them again; RTT 2[0-9.]+ms`,
			`SHA-256   equal: [0-9a-f]{64}\n`,
			`[1-9][0-9]* packets lost`,
			`customproto send FILE ADDRESS`,
		} {
			if !regexp.MustCompile(want).MatchString(out.String()) {
				t.Errorf("the tour does not print %s:\n%s", want, out.String())
			}
		}
	}
}

func TestSameSeedGivesTheSameFigures(t *testing.T) {
	figures := func(seed uint64) string {
		var out, progress bytes.Buffer
		o := tour{seed: seed, loss: 0.05, delay: 5e6, rate: 50e6, size: 1 << 20}
		if err := o.run(context.Background(), &out, &progress); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if a, b := figures(7), figures(7); a != b {
		t.Errorf("with the same seed:\n%s\n%s", a, b)
	}
	if a, b := figures(7), figures(8); a == b {
		t.Errorf("with two seeds twice the same:\n%s", a)
	}
}

func TestInterruptedTourEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, progress bytes.Buffer
	if code := run(ctx, nil, &out, &progress); code != exitFailed || !strings.Contains(progress.String(), "interrupted") {
		t.Errorf("exit status %d, %q", code, progress.String())
	}
}

func TestWrongUsageExitsWith2(t *testing.T) {
	for _, args := range [][]string{
		{"--unknown"}, {"unknown"}, {"--loss", "2"}, {"--loss", "NaN"}, {"--loss", "x"}, {"--delay", "-1s"},
		{"--rate", "-5"}, {"--size", "1T"}, {"--size", "99999Gi"}, {"--seed", "-1"},
		{"--lab", "--loss", "0.1"}, {"--lab", "--seed", "3"},
		{"send"}, {"send", "file"}, {"send", "main.go", "not-an-address"}, {"send", "a", "192.0.2.1", "b"},
		{"send", "main.go", "192.0.2.1", "--transport", "pigeon"}, {"send", "main.go", "192.0.2.1", "--protocol", "256"},
		{"send", "main.go", "192.0.2.1", "--protocol", "0"}, {"send", "main.go", "192.0.2.1", "--timeout", "0s"},
		{"recv", "file"}, {"recv", "--from", "nobody"}, {"recv", "--max-size", "many"},
	} {
		code, stdout, stderr := call(args...)
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "customproto: ") {
			t.Errorf("%q: exit status %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestFailuresExitWith1(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{
		{"send", none, "192.0.2.1"},
		{"send", t.TempDir(), "192.0.2.1"},
		{"recv", "-o", none},
	} {
		if code, _, stderr := call(args...); code != exitFailed || stderr == "" {
			t.Errorf("%q: exit status %d, stderr %q", args, code, stderr)
		}
	}
}

func TestEveryResultHasItsExitStatus(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("any"), 1},
		{xfer.Cancelled, 1},
		{&transport.PermissionError{Op: "socket", Capability: "CAP_NET_RAW"}, 1},
		{usagef("no such thing"), 2},
		{xfer.Mismatch, 3},
		{fmt.Errorf("wrapped: %w", errors.Join(errors.New("any"), xfer.Mismatch)), 3},
		{exitError(7), 7},
	} {
		if got := exitStatus(tt.err); got != tt.want {
			t.Errorf("%v: exit status %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestHelpExitsWith0(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"send", "--help"}, {"help", "recv"}} {
		if code, stdout, _ := call(args...); code != exitOK || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%q: exit status %d, %q", args, code, stdout)
		}
	}
}

func TestQuantitiesAreReadAndWritten(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "1000": "1k", "8Mi": "8Mi", "20M": "20M", "1024": "1Ki", "7": "7", "3G": "3G"} {
		var q quantity
		if err := q.Set(in); err != nil || q.String() != want {
			t.Errorf("%s: %s, %v, want %s", in, q.String(), err, want)
		}
	}
	for _, in := range []string{"", "Mi", "-1", "1.5", "1e3", "1025Gi", "9999999999999999999"} {
		if err := new(quantity).Set(in); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
}
