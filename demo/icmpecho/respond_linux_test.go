// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"bufio"
	"io"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"protean/transport/netlab"
)

// A responder is respond running in a node.
type responder struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

// startResponder starts respond and returns when it answers.
func startResponder(t testing.TB, n *netlab.Node, args ...string) *responder {
	t.Helper()
	r := &responder{cmd: icmpecho(append([]string{"respond"}, args...)...)}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell does for a job
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	if err := n.Start(r.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.cmd.Process.Kill()
		r.cmd.Wait()
		eventually(t, "no process is left", func() bool { return len(processes(t, n)) == 0 })
	})
	if line, err := r.out.ReadString('\n'); err != nil || !strings.Contains(line, "answering") {
		t.Fatalf("respond printed %q, %v", line, err)
	}
	return r
}

// end sends a signal and returns the rest of the output and the exit code.
func (r *responder) end(t testing.TB, sig syscall.Signal) (out string, code int) {
	t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.out)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait() // the exit code tells
	return string(b), r.cmd.ProcessState.ExitCode()
}

// bothAddresses runs a test for each address of a node. The last request of a ping waits
// for as long as the interval: tests that want all answers do not make that too short for
// a busy machine.
func bothAddresses(t *testing.T, n *netlab.Node, f func(t *testing.T, a netip.Addr)) {
	t.Run("IPv4", func(t *testing.T) { f(t, n.Addr4()) })
	t.Run("IPv6", func(t *testing.T) { f(t, n.Addr6()) })
}

func TestTheSystemsPingGetsEachAnswerOnce(t *testing.T) {
	systemPing(t) // without it nothing below asks
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	r := startResponder(t, b)
	bothAddresses(t, b, func(t *testing.T, addr netip.Addr) {
		for _, size := range []int{0, 1, 8, 56, 1400, 8000} { // the last one in fragments
			out, code := run(t, a, systemPing(t, "-n", "-c", "3", "-i", "0.1", "-s", strconv.Itoa(size), addr.String()))
			if code != 0 || !strings.Contains(out, "3 packets transmitted, 3 received, 0% packet loss") {
				t.Errorf("%d bytes: exit code %d, printed:\n%s", size, code, out)
			}
		}
	})
	out, code := r.end(t, syscall.SIGINT)
	if want := "36 requests, 36 answered\n"; !t.Failed() && (code != 0 || out != want) {
		t.Errorf("respond ended with %d and printed %q, want %q", code, out, want)
	}
}

func TestWithTheKernelLeftAloneTheSystemsPingSeesDuplicates(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	startResponder(t, b, "--kernel", "leave")
	bothAddresses(t, b, func(t *testing.T, addr netip.Addr) {
		// The second answer to the last request is not waited for.
		out, code := run(t, a, systemPing(t, "-n", "-c", "2", "-i", "0.2", addr.String()))
		if code != 0 || !strings.Contains(out, "(DUP!)") {
			t.Errorf("exit code %d, printed:\n%s", code, out)
		}
	})
}

func TestRespondsForTheGivenAddressesOnly(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	r := startResponder(t, b, b.Addr4().String())
	if v, err := b.ReadSysctl(ignoreEcho6); err != nil || v != "0" {
		t.Errorf("%s is %q, %v: the other family is none of its business", ignoreEcho6, v, err)
	}
	bothAddresses(t, b, func(t *testing.T, addr netip.Addr) {
		out, code := run(t, a, icmpecho("ping", "-c", "2", "-i", "0.2", addr.String()))
		if code != 0 || !strings.Contains(out, "2 packets transmitted, 2 received, 0% packet loss") {
			t.Errorf("exit code %d, printed:\n%s", code, out)
		}
	})
	if out, _ := r.end(t, syscall.SIGTERM); out != "2 requests, 2 answered\n" {
		t.Errorf("respond printed %q", out)
	}
}

func TestLosesDelaysAndDoublesAsAsked(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	t.Run("everything lost", func(t *testing.T) {
		startResponder(t, b, "--loss", "100")
		if out, code := run(t, a, icmpecho("ping", "-c", "2", "-i", "0.01", "-W", "0.2", b.Addr4().String())); code != 1 || !strings.Contains(out, "100% packet loss") {
			t.Errorf("exit code %d, printed:\n%s", code, out)
		}
	})
	t.Run("delayed and doubled", func(t *testing.T) {
		startResponder(t, b, "--dup", "100%", "--delay", "0.3")
		out, code := run(t, a, icmpecho("ping", "-c", "2", "-W", "0.2", "-w", "2", b.Addr6().String()))
		if code != 1 || !strings.Contains(out, "(LATE!)") || !strings.Contains(out, "(DUP!)") {
			t.Errorf("exit code %d, printed:\n%s", code, out)
		}
	})
	t.Run("statistics on SIGUSR1", func(t *testing.T) {
		r := startResponder(t, b)
		if err := r.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		if line, err := r.out.ReadString('\n'); err != nil || line != "0 requests, 0 answered\n" {
			t.Errorf("printed %q, %v", line, err)
		}
	})
}
