// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"protean/transport/netlab"
)

func TestALinkThatWasDownWorksAgain(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a, b := lab.Node("a"), lab.Node("b")
	if err := a.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	err := a.Do(func() error {
		_, err := net.Dial("udp", net.JoinHostPort(b.Addr4().String(), "9"))
		return err
	})
	if err == nil {
		t.Error("a still has a route to b while its only link is down")
	}
	if err := a.SetLink("eth0", true); err != nil {
		t.Fatal(err)
	}
	for _, dst := range []netip.Addr{b.Addr4(), b.Addr6()} {
		if err := exchange(a, b, dst, 1); err != nil {
			t.Errorf("to %v: %v", dst, err)
		}
	}
}

func TestChangesOfUnknownThingsAreRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	for name, err := range map[string]error{
		"link":           a.SetLink("eth7", true),
		"MTU of no link": a.SetMTU("eth7", 1400),
		"replug no link": a.Replug("eth7"),
		"MTU too small":  a.SetMTU("eth0", 10),
		"sysctl":         a.Sysctl("net.ipv4.no_such_thing", "1"),
		"outside net":    a.Sysctl("kernel.hostname", "x"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if lab.Node("nobody") != nil {
		t.Error("a node that does not exist")
	}
}

func TestSetMTUIsWhatTheKernelEnforces(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	if err := a.SetMTU("eth0", 1400); err != nil {
		t.Fatal(err)
	}
	if got := a.Interfaces()[0].MTU; got != 1400 {
		t.Errorf("node says %d, want 1400", got)
	}
	err := a.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err == nil && ifi.MTU != 1400 {
			t.Errorf("kernel says %d, want 1400", ifi.MTU)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnMTUTooSmallForIPv6LeavesIPv4(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for _, n := range lab.Nodes() {
		if err := n.SetMTU("eth0", 576); err != nil {
			t.Fatal(err)
		}
		if n.Addr6().IsValid() || n.Interfaces()[0].LinkLocal.IsValid() {
			t.Errorf("%s still has IPv6: %+v", n.Name(), n.Interfaces())
		}
	}
	for _, up := range []bool{false, true} {
		if err := a.SetLink("eth0", up); err != nil {
			t.Fatal(err)
		}
	}
	if err := exchange(a, b, b.Addr4(), 548); err != nil {
		t.Error(err)
	}
}

func TestAnInterfaceThatIsReplugged(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	before := a.Interfaces()
	for _, up := range []bool{true, false} {
		if err := a.SetLink("eth0", up); err != nil {
			t.Fatal(err)
		}
		if err := a.Replug("eth0"); err != nil {
			t.Fatal(err)
		}
		err := a.Do(func() error {
			ifi, err := net.InterfaceByName("eth0")
			if err == nil && ifi.Index != before[0].Index {
				t.Errorf("it has index %d, and had %d", ifi.Index, before[0].Index)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for _, dst := range []netip.Addr{b.Addr4(), b.Addr6()} {
			if err := exchange(a, b, dst, 500); dst.IsValid() && err != nil {
				t.Errorf("%v: %v", dst, err)
			}
		}
	}
	for _, n := range netlab.Test(t, netlab.Star(2)).Nodes() {
		if err := n.Replug(n.Interfaces()[0].Name); (err != nil) != (n.Name() == "sw") {
			t.Errorf("%s: %v", n.Name(), err)
		}
	}
}

func TestParametersAreSetInTheNodeOnly(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	for node, want := range map[string]string{"a": "0", "r1": "1", "b": "0"} {
		for _, name := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
			if got, err := lab.Node(node).ReadSysctl(name); err != nil || got != want {
				t.Errorf("%s at %s is %q, %v; want %q", name, node, got, err, want)
			}
		}
		for name, want := range map[string]string{
			"net.ipv4.icmp_ratelimit": "0", "net.ipv4.icmp_ratemask": "0",
			"net.ipv6.icmp.ratelimit": "0", "net.ipv6.icmp.ratemask": "",
		} {
			if got, err := lab.Node(node).ReadSysctl(name); err != nil || got != want {
				t.Errorf("%s at %s is %q, %v; want %q", name, node, got, err, want)
			}
		}
	}
	if err := lab.Node("a").Sysctl("net.ipv4.ip_default_ttl", "77"); err != nil {
		t.Fatal(err)
	}
	a, _ := lab.Node("a").ReadSysctl("net.ipv4.ip_default_ttl")
	b, _ := lab.Node("b").ReadSysctl("net.ipv4.ip_default_ttl")
	if a != "77" || b == "77" {
		t.Errorf("default TTL %q at a and %q at b, want 77 at a only", a, b)
	}
}

func TestProcessesStartInTheNode(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	for _, n := range lab.Nodes() {
		want, err := os.Stat(n.NetNS())
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), roleEnv+"=namespace")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Start(cmd); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(stdout)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if id := namespaceOf(want); strings.TrimSpace(string(got)) != id {
			t.Errorf("process of %s is in %s, want %s", n.Name(), got, id)
		}
	}
}

func TestCloseKillsTheProcessesOfTheLab(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	cmd := exec.Command("sleep", "1000")
	if err := lab.Node("a").Start(cmd); err != nil {
		t.Fatal(err)
	}
	lab.Close()
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Errorf("sleep ended with %v, want it killed", err)
	}
	if err := lab.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := lab.Node("a").Start(exec.Command("true")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Start after Close: %v, want os.ErrClosed", err)
	}
	if err := lab.Node("b").Start(exec.Command("true")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("first Start after Close: %v, want os.ErrClosed", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := lab.Node("a").Run(ctx, "sleep", "1000")
		done <- err
	}()
	cancel()
	if err := <-done; err == nil {
		t.Error("sleep ended by itself")
	}
}

func TestManyVisitsLeaveEveryThreadWhereItWas(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	home := threadNamespace(t)
	var wg sync.WaitGroup
	for i := range 8 {
		n := lab.Nodes()[i%2]
		want, err := os.Stat(n.NetNS())
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for range 100 {
				err := n.Do(func() error {
					if got := threadNamespace(t); got != namespaceOf(want) {
						t.Errorf("inside %s the namespace is %s", n.Name(), got)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	// Hold many threads at once, so that each answer is from another one.
	var locked, release sync.WaitGroup
	release.Add(1)
	for range 32 {
		locked.Add(1)
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if got := threadNamespace(t); got != home {
				t.Errorf("a thread is in %s, want %s", got, home)
			}
			locked.Done()
			release.Wait()
		})
	}
	locked.Wait()
	release.Done()
	wg.Wait()
}

func threadNamespace(t *testing.T) string {
	t.Helper()
	id, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return id
}

func TestATUNDeviceCarriesPackets(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	f, index := netlab.TestTUN(t, a, "tun7", 1400)
	err := a.Do(func() error {
		i, err := net.InterfaceByName("tun7")
		if err != nil {
			return err
		}
		if i.Index != index || i.MTU != 1400 || i.Flags&net.FlagUp == 0 || len(i.HardwareAddr) != 0 {
			t.Errorf("the device is %+v", i)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	err = a.Do(func() error {
		_, err := net.InterfaceByName("tun7")
		return err
	})
	if err == nil {
		t.Error("the device is still there")
	}
	if _, _, err := a.TUN("a name that is much too long", 1400); err == nil {
		t.Error("a device with an impossible name")
	}
}
