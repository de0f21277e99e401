// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"bufio"
	"errors"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

func eachFamily(t *testing.T, f func(t *testing.T, family Families)) {
	for _, family := range []Families{V4, V6} {
		t.Run(family.String(), func(t *testing.T) { f(t, family) })
	}
}

func mustOpen(t *testing.T, protocol int, n *netlab.Node) *Guard {
	t.Helper()
	g, err := Open(protocol, &Config{NetNS: n.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	if g.Families() != V4|V6 || g.Unguarded() != nil || g.Protocol() != protocol {
		t.Fatalf("guards %v of %d, unguarded %v", g.Families(), g.Protocol(), g.Unguarded())
	}
	return g
}

func TestTheKernelAnswersUnlessGuarded(t *testing.T) {
	eachFamily(t, func(t *testing.T, family Families) {
		lab := netlab.Test(t, netlab.Pair())
		p := newProber(t, lab, family)
		const count = 50
		if got := p.answers(count, 253)[253]; got != count {
			t.Errorf("%d of %d answered before there is a guard", got, count)
		}
		g := mustOpen(t, 253, lab.Node("b"))
		if got := p.answers(count, 253, 200); got[253] != 0 || got[200] != count {
			t.Errorf("with a guard for 253, answered: %v, want only 200, %d times", got, count)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if got := p.answers(count, 253)[253]; got != count {
			t.Errorf("%d of %d answered after Close", got, count)
		}
	})
}

func TestAGuardOfOneFamilyLeavesTheOtherAlone(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	g, err := Open(253, &Config{Families: V4, NetNS: lab.Node("b").NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if got := newProber(t, lab, V4).answers(3, 253)[253]; got != 0 {
		t.Errorf("IPv4: %d answered", got)
	}
	if got := newProber(t, lab, V6).answers(3, 253)[253]; got != 3 {
		t.Errorf("IPv6: %d answered, want 3", got)
	}
}

func TestEveryProtocolCanBeGuarded(t *testing.T) {
	eachFamily(t, func(t *testing.T, family Families) {
		lab := netlab.Test(t, netlab.Pair())
		p := newProber(t, lab, family)
		var all []int
		for protocol := 1; protocol <= 255; protocol++ {
			if protocol != sentinel && transport.CheckProtocol(protocol, family == V6) == nil {
				all = append(all, protocol)
			}
		}
		if before := p.answers(1, all...); len(before) < 200 || before[255] != 1 {
			t.Errorf("only %d protocols are answered before there are guards: %v", len(before), before)
		}
		for _, protocol := range all {
			g, err := Open(protocol, &Config{Families: family, NetNS: lab.Node("b").NetNS()})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
		}
		if got := p.answers(1, all...); len(got) != 0 {
			t.Errorf("answered although guarded: %v", got)
		}
	})
}

// stalled opens a raw socket in n that nobody reads and that holds next to nothing.
func stalled(t *testing.T, n *netlab.Node, family Families) {
	t.Helper()
	domain := unix.AF_INET
	if family == V6 {
		domain = unix.AF_INET6
	}
	err := n.Do(func() error {
		fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 253)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFullReceiverIsCovered(t *testing.T) {
	eachFamily(t, func(t *testing.T, family Families) {
		for _, test := range []struct {
			name          string
			before, after bool // a guard opened before or after the receiver
		}{
			{"without a guard the peer is told that the protocol does not exist", false, false},
			{"a guard opened first", true, false},
			{"a guard opened last", false, true},
		} {
			t.Run(test.name, func(t *testing.T) {
				lab := netlab.Test(t, netlab.Pair())
				b := lab.Node("b")
				if test.before {
					mustOpen(t, 253, b)
				}
				stalled(t, b, family)
				if test.after {
					mustOpen(t, 253, b)
				}
				got := newProber(t, lab, family).answers(100, 253)[253]
				if guarded := test.before || test.after; guarded != (got == 0) {
					t.Errorf("%d of 100 answered", got)
				}
			})
		}
	})
}

func TestTheKernelAnswersAgainAfterKill9(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"=253")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Node("b").Start(cmd); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the other process says %q, %v", lines.Text(), lines.Err())
	}
	probers := map[Families]*prober{V4: newProber(t, lab, V4), V6: newProber(t, lab, V6)}
	for family, p := range probers {
		if got := p.answers(10, 253)[253]; got != 0 {
			t.Errorf("%v: %d answered while another process holds a guard", family, got)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	for family, p := range probers {
		if got := p.answers(10, 253); !maps.Equal(got, map[int]int{253: 10}) {
			t.Errorf("%v: answered %v after the process was killed, want all 10", family, got)
		}
	}
}

func TestNothingIsQueuedAndTheFilterStays(t *testing.T) {
	eachFamily(t, func(t *testing.T, family Families) {
		lab := netlab.Test(t, netlab.Pair())
		g := mustOpen(t, 253, lab.Node("b"))
		newProber(t, lab, family).answers(10, 253)
		for _, fd := range g.sockets {
			var b [64]byte
			if _, _, err := unix.Recvfrom(fd, b[:], 0); !errors.Is(err, unix.EAGAIN) {
				t.Errorf("receiving gives %v, want EAGAIN", err)
			}
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); !errors.Is(err, unix.EPERM) {
				t.Errorf("detaching the filter gives %v, want EPERM", err)
			}
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("descriptor flags %#x, %v; want FD_CLOEXEC", flags, err)
			}
		}
	})
}

func TestPacketsBeforeTheFilterAreDrained(t *testing.T) {
	eachFamily(t, func(t *testing.T, family Families) {
		lab := netlab.Test(t, netlab.Pair())
		p := newProber(t, lab, family)
		var fd int
		domain := map[Families]int{V4: unix.AF_INET, V6: unix.AF_INET6}[family]
		err := lab.Node("b").Do(func() (err error) {
			fd, err = unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 253)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		p.answers(10, 253) // into the queue
		if err := silence(fd); err != nil {
			t.Fatal(err)
		}
		var b [64]byte
		if _, _, err := unix.Recvfrom(fd, b[:], 0); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("receiving gives %v, want EAGAIN", err)
		}
	})
}

func TestTheErrorNamesTheCapability(t *testing.T) {
	result := make(chan error, 1)
	go func() {
		// Capabilities belong to the thread, which ends with the goroutine.
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			result <- os.NewSyscallError("capset", err)
			return
		}
		_, err := Open(253, nil)
		result <- err
	}()
	err := <-result
	var denied *transport.PermissionError
	if !errors.As(err, &denied) || denied.Capability != "CAP_NET_RAW" || !strings.Contains(denied.Hint, "setcap") {
		t.Errorf("%v; want a PermissionError that names CAP_NET_RAW and setcap", err)
	}
	if !errors.Is(err, os.ErrPermission) || !errors.Is(err, unix.EPERM) {
		t.Errorf("%v matches neither os.ErrPermission nor EPERM", err)
	}
}

func TestANamespaceThatIsNotThere(t *testing.T) {
	if _, err := Open(253, &Config{NetNS: "/proc/self/no-such-namespace"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want os.ErrNotExist", err)
	}
	if _, err := Open(253, &Config{NetNS: "/proc/self/status"}); err == nil {
		t.Error("a file that is no namespace is accepted")
	}
}

func TestErrorsThatNobodyReadsDoNotEndAGuard(t *testing.T) {
	eachFamily(t, func(t *testing.T, family Families) {
		lab := netlab.Test(t, netlab.Pair())
		p := newProber(t, lab, family)
		// What a guards is answered by b, with an error for each packet, until
		// the error queue of the guard has no room.
		ga := mustOpen(t, 253, lab.Node("a"))
		for last := -1; ; {
			if got := p.answers(100, 253)[253]; got != 100 {
				t.Fatalf("%d errors came for 100 packets", got)
			}
			taken := queued(t, ga.FD(family))
			if taken == last {
				break
			}
			last = taken
		}
		if queued(t, ga.FD(family)) == 0 {
			t.Fatal("no error was queued")
		}
		back := newProber(t, lab, family, "b", "a")
		if got := back.answers(50, 253, 200); got[253] != 0 || got[200] != 50 {
			t.Errorf("with a full error queue, answered: %v, want only 200, 50 times", got)
		}
	})
}

// queued returns how many bytes of a socket's receive buffer are taken.
func queued(t *testing.T, fd int) int {
	t.Helper()
	// SK_MEMINFO_RMEM_ALLOC is the first of its values.
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MEMINFO)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
