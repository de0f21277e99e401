// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"protean/transport/netlab"
)

const nobody = 65534

// playRole is main for the processes that tests start.
func playRole(role string) int {
	if role == "namespace" {
		id, err := os.Readlink("/proc/self/ns/net")
		fmt.Println(id)
		return exitCode(err)
	}
	code, done, err := netlab.Enter()
	if done {
		return code
	}
	if err != nil {
		return exitCode(err)
	}
	switch role {
	case "exit 7":
		return 7
	case "use the loopback":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return exitCode(err)
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return exitCode(err)
		}
		c.Close()
		return 0
	case "kill itself":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "wait for a signal":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		fmt.Println("ready")
		fmt.Println(<-signals)
		return 5
	case "count interrupts":
		signals := make(chan os.Signal, 8)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
		fmt.Println("ready")
		for s := range signals {
			fmt.Println(s)
			if s == syscall.SIGTERM {
				return 0
			}
		}
	case "hold a lab":
		lab, err := netlab.New(netlab.Pair())
		if err != nil {
			return exitCode(err)
		}
		cmd := exec.Command("sleep", "1000")
		if err := lab.Node("a").Start(cmd); err != nil {
			return exitCode(err)
		}
		fmt.Println("pid", os.Getpid())
		fmt.Println("pid", cmd.Process.Pid)
		for _, n := range lab.Nodes() {
			st, err := os.Stat(n.NetNS())
			if err != nil {
				return exitCode(err)
			}
			fmt.Println("namespace", namespaceOf(st))
		}
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
	}
	return exitCode(fmt.Errorf("role %q ended", role))
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func namespaceOf(st os.FileInfo) string {
	return fmt.Sprintf("net:[%d]", st.Sys().(*syscall.Stat_t).Ino)
}

// program returns a command that plays a role, as this user or as nobody. As
// nobody it needs a copy of the test binary that nobody may read.
func program(t *testing.T, role string, asNobody bool) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	if asNobody {
		dir, err := os.MkdirTemp("", "netlab")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command(filepath.Join(dir, "netlab.test"))
		if err := os.WriteFile(cmd.Path, b, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// bothWays runs a test as this user and, where this user may, as nobody.
func bothWays(t *testing.T, f func(t *testing.T, asNobody bool)) {
	netlab.Require(t)
	t.Run("as this user", func(t *testing.T) { f(t, false) })
	if !rootless(t) {
		t.Run("as nobody", func(t *testing.T) { f(t, true) })
	}
}

func TestTheseTestsPassWithoutRoot(t *testing.T) {
	netlab.Require(t)
	if rootless(t) {
		return // this run is the proof
	}
	cmd := program(t, "", true)
	cmd.Args = append(cmd.Args, "-test.run=^(TestEvery|TestThe[Kk]|TestProc|TestClose|TestPara|TestLabs|TestKill|TestMany)")
	cmd.Env = append(cmd.Env, "PROTEAN_REQUIRE_NETLAB=1")
	cmd.Stderr = nil
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNothingIsLeftAfterKill9(t *testing.T) { bothWays(t, testKill9) }

func testKill9(t *testing.T, asNobody bool) {
	cmd := program(t, "hold a lab", asNobody)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids, ids []string
	ready := false
	for lines := bufio.NewScanner(stdout); !ready && lines.Scan(); {
		kind, value, _ := strings.Cut(lines.Text(), " ")
		switch kind {
		case "pid":
			pids = append(pids, value)
		case "namespace":
			ids = append(ids, value)
		case "ready":
			ready = true
		}
	}
	if !ready || len(pids) != 2 || len(ids) != 2 {
		t.Fatalf("processes %v, namespaces %v", pids, ids)
	}
	if held := holders(t, ids); len(held) != len(ids) {
		t.Errorf("only %v of %v are to be seen while the lab exists", held, ids)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	eventually(t, "processes gone", func() bool {
		for _, pid := range pids {
			if state := processState(pid); state != "" && state != "Z" {
				return false
			}
		}
		return true
	})
	eventually(t, "namespaces gone", func() bool { return len(holders(t, ids)) == 0 })
}

// processState returns the letter in /proc/PID/stat, or nothing.
func processState(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}

func TestCloseLetsGoOfTheNamespaces(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	var ids []string
	for _, n := range lab.Nodes() {
		st, err := os.Stat(n.NetNS())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, namespaceOf(st))
	}
	if held := holders(t, ids); len(held) != len(ids) {
		t.Errorf("only %v of %v are to be seen while the lab exists", held, ids)
	}
	lab.Close()
	if held := holders(t, ids); len(held) != 0 {
		t.Errorf("%v are still held", held)
	}
}

func TestEnterPassesTheExitCodeOn(t *testing.T) {
	bothWays(t, func(t *testing.T, asNobody bool) {
		err := program(t, "exit 7", asNobody).Run()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Errorf("ended with %v, want exit code 7", err)
		}
	})
}

func TestThereIsALoopbackAfterEnter(t *testing.T) {
	bothWays(t, func(t *testing.T, asNobody bool) {
		if err := program(t, "use the loopback", asNobody).Run(); err != nil {
			t.Error(err)
		}
	})
}

func TestEnterReportsASignalAsAnExitCode(t *testing.T) {
	netlab.Require(t)
	if rootless(t) {
		return // Enter does not start a second process here
	}
	err := program(t, "kill itself", true).Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 128+9 {
		t.Errorf("ended with %v, want exit code 137", err)
	}
}

func TestEnterPassesSignalsOn(t *testing.T) {
	bothWays(t, func(t *testing.T, asNobody bool) {
		cmd := program(t, "wait for a signal", asNobody)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("read %q, %v", lines.Text(), lines.Err())
		}
		cmd.Process.Signal(syscall.SIGTERM)
		if !lines.Scan() || lines.Text() != "terminated" {
			t.Errorf("read %q, %v", lines.Text(), lines.Err())
		}
		err = cmd.Wait()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 5 {
			t.Errorf("ended with %v, want exit code 5", err)
		}
	})
}
