// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"protean/transport/netlab"
	"protean/transport/transporttest"
)

// programEnv makes the test binary be the program, and its janitor.
const programEnv = "ICMPECHO_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
	}
	os.Exit(netlab.Main(transporttest.Checked(m)))
}

// patience is how long tests wait for what must happen.
const patience = 20 * time.Second

// icmpecho is a command that runs the program.
func icmpecho(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), programEnv+"=1")
	return cmd
}

// run runs a command in a node and returns its output and exit code.
func run(t testing.TB, n *netlab.Node, cmd *exec.Cmd) (out string, code int) {
	t.Helper()
	var b strings.Builder
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := n.Start(cmd); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait() // the exit code tells
	return b.String(), cmd.ProcessState.ExitCode()
}

// systemPing is ping of iputils.
func systemPing(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("ping")
	if err == nil {
		var out []byte
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if out, err = exec.CommandContext(ctx, path, "-V").CombinedOutput(); err == nil && !strings.Contains(string(out), "iputils") {
			t.Skipf("%s is not the ping of iputils: %s", path, out)
		}
	}
	if err != nil {
		if os.Getenv("PROTEAN_REQUIRE_NETLAB") == "1" {
			t.Fatalf("ping of iputils: %v", err)
		}
		t.Skipf("ping of iputils: %v", err)
	}
	return exec.Command(path, args...)
}

// eventually waits until cond is true.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// processes returns the command lines of the processes in a node.
func processes(t testing.TB, n *netlab.Node) (all []string) {
	t.Helper()
	ns, err := os.Readlink(n.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if at, err := os.Readlink(l); err == nil && at == ns { // an error: it has ended
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(l), "../cmdline"))
			all = append(all, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return all
}
