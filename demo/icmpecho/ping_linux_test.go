// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"protean/transport/netlab"
)

func TestTheKernelAnswersOnce(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	bothAddresses(t, b, func(t *testing.T, addr netip.Addr) {
		for _, size := range []int{0, 1, 8, 56, 1400, 8000} {
			out, code := run(t, a, icmpecho("ping", "-c", "3", "-i", "0.1", "-s", fmt.Sprint(size), addr.String()))
			reply := fmt.Sprintf("%d bytes from %v: icmp_seq=3 ttl=64 time=", size+8, addr)
			if code != 0 || !strings.Contains(out, "3 packets transmitted, 3 received, 0% packet loss") || !strings.Contains(out, reply) {
				t.Errorf("%d bytes: exit code %d, printed:\n%s", size, code, out)
			}
		}
	})
}

func TestSeveralHostsOfBothFamiliesAtOnce(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	link := b.Interfaces()[0].LinkLocal.String() + "%eth0"
	out, code := run(t, a, icmpecho("ping", "-q", "-c", "2", "-i", "0.2", b.Addr4().String(), b.Addr6().String(), a.Addr4().String(), link))
	if code != 0 || strings.Count(out, "2 packets transmitted, 2 received, 0% packet loss") != 4 {
		t.Errorf("exit code %d, printed:\n%s", code, out)
	}
}

func TestSourcesAndInterfaces(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for from, head := range map[string]string{"eth0": " eth0: ", a.Addr4().String(): " : "} {
		out, code := run(t, a, icmpecho("ping", "-c", "1", "-I", from, "-Q", "0xb8", "-t", "9", "-D", b.Addr4().String()))
		if code != 0 || !strings.Contains(out, "from "+a.Addr4().String()+head) || !strings.Contains(out, "] 64 bytes from") {
			t.Errorf("-I %s: exit code %d, printed:\n%s", from, code, out)
		}
	}
	for from, text := range map[string]string{
		"nosuch0":           "there is no such interface",
		b.Addr4().String():  "is not an address of this host",
		a.Addr6().String():  "is of another family",
		"2001:db8::1":       "is of another family",
		"eth0; echo hello!": "there is no such interface",
	} {
		if out, code := run(t, a, icmpecho("ping", "-c", "1", "-I", from, b.Addr4().String())); code != 2 || !strings.Contains(out, text) {
			t.Errorf("-I %s: exit code %d, printed:\n%s", from, code, out)
		}
	}
}

func TestAGroupIsAskedThroughAnInterface(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for _, args := range [][]string{{"-I", "eth0", "ff02::1"}, {"ff02::1%eth0"}} {
		out, code := run(t, a, icmpecho(append([]string{"ping", "-c", "2", "-i", "0.2"}, args...)...))
		if code != 0 || !strings.Contains(out, "64 bytes from "+b.Interfaces()[0].LinkLocal.String()+"%eth0: icmp_seq=1") {
			t.Errorf("%q: exit code %d, printed:\n%s", args, code, out)
		}
	}
}

func TestErrorsOfTheNetworkAreShown(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a, b, r := lab.Node("a"), lab.Node("b"), lab.Node("r1")
	for _, c := range []struct {
		name, host, want string
		args             []string
	}{
		{"a TTL too small", b.Addr4().String(), "From " + r.Addr4().String() + " icmp_seq=1 Time to live exceeded\n", []string{"-t", "1"}},
		{"a hop limit too small", b.Addr6().String(), "From " + r.Addr6().String() + " icmp_seq=1 Time exceeded: Hop limit\n", []string{"-t", "1"}},
		{"no route further on", "10.99.0.1", "icmp_seq=1 Destination Net Unreachable\n", nil},
		{"no route further on, IPv6", "fd99::1", "icmp_seq=1 Destination unreachable: No route\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, code := run(t, a, icmpecho(append([]string{"ping", "-c", "1"}, append(c.args, c.host)...)...))
			if code != 1 || !strings.Contains(out, c.want) || !strings.Contains(out, "1 packets transmitted, 0 received, +1 errors, 100% packet loss") {
				t.Errorf("exit code %d, printed:\n%s", code, out)
			}
		})
	}
}

func TestAHostWithoutARouteIsAnError(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	for _, host := range []string{"192.0.2.1", "2001:db8::1"} {
		out, code := run(t, lab.Node("a"), icmpecho("ping", "-c", "1", host))
		if code != 2 || !strings.Contains(out, "icmpecho: "+host+": network is unreachable") {
			t.Errorf("exit code %d, printed:\n%s", code, out)
		}
	}
}

func TestAnInterruptEndsWithTheStatistics(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	cmd := icmpecho("ping", "-i", "0.01", b.Addr4().String())
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(cmd); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(pipe)
	for range 4 { // the head and three answers
		if line, err := r.ReadString('\n'); err != nil {
			t.Fatalf("printed %q, %v", line, err)
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGINT} {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	out, readErr := io.ReadAll(r)
	if err := cmd.Wait(); err != nil || readErr != nil || !strings.Contains(string(out), " 0% packet loss") {
		t.Errorf("%v, %v, printed:\n%s", err, readErr, out)
	}
}

func TestWithoutPrivilegesSaysWhatItTakes(t *testing.T) {
	netlab.Require(t)
	for _, args := range [][]string{{"ping", "-c", "1", "127.0.0.1"}, {"respond"}} {
		cmd := icmpecho(args...)
		// A user namespace takes the privileges over the network away.
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), "CAP_NET_RAW is required: ") {
			t.Errorf("%s: exit code %d, printed %q", args[0], code, out)
		}
	}
}
