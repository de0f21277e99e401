// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"protean/transport/netlab"
)

// settings returns what both parameters are in a node.
func settings(t testing.TB, n *netlab.Node) (s [2]string) {
	t.Helper()
	for i, name := range []string{ignoreEcho4, ignoreEcho6} {
		v, err := n.ReadSysctl(name)
		if err != nil {
			t.Fatal(err)
		}
		s[i] = v
	}
	return s
}

func TestTheKernelsSettingsComeBack(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	for _, c := range []struct {
		name   string
		before [2]string
		end    func(r *responder) error
	}{
		{"after an interrupt", [2]string{"0", "0"}, func(r *responder) error { return r.cmd.Process.Signal(syscall.SIGINT) }},
		{"after SIGTERM", [2]string{"0", "0"}, func(r *responder) error { return r.cmd.Process.Signal(syscall.SIGTERM) }},
		{"after SIGHUP", [2]string{"0", "0"}, func(r *responder) error { return r.cmd.Process.Signal(syscall.SIGHUP) }},
		{"after kill -9", [2]string{"0", "0"}, func(r *responder) error { return r.cmd.Process.Kill() }},
		{"after kill -9 of the whole job", [2]string{"0", "0"}, func(r *responder) error { return syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) }},
		{"as they were", [2]string{"1", "0"}, func(r *responder) error { return r.cmd.Process.Signal(syscall.SIGINT) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, name := range []string{ignoreEcho4, ignoreEcho6} {
				if err := b.Sysctl(name, c.before[i]); err != nil {
					t.Fatal(err)
				}
			}
			r := startResponder(t, b)
			if now := settings(t, b); now != [2]string{"1", "1"} {
				t.Fatalf("while it answers they are %q", now)
			}
			if n := len(processes(t, b)); n != 2 {
				t.Errorf("%d processes, want the program and its janitor: %q", n, processes(t, b))
			}
			if err := c.end(r); err != nil {
				t.Fatal(err)
			}
			_ = r.cmd.Wait()
			eventually(t, "the settings are back", func() bool { return settings(t, b) == c.before })
			eventually(t, "nothing runs", func() bool { return len(processes(t, b)) == 0 })
		})
	}
}

func TestRestoresTheSettingsItselfIfTheJanitorIsGone(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	err := b.Do(func() error {
		// The janitor is started from a thread in the node.
		k, err := silenceInNode()
		if err != nil {
			return err
		}
		if now := settings(t, b); now != [2]string{"1", "1"} {
			t.Errorf("while silent they are %q", now)
		}
		if err := k.janitor.cmd.Process.Kill(); err != nil {
			return err
		}
		return k.restore()
	})
	if err != nil {
		t.Fatal(err)
	}
	if now := settings(t, b); now != [2]string{"0", "0"} {
		t.Errorf("they are %q", now)
	}
}

// silenceInNode is silenceKernel with the janitor run by this test binary.
func silenceInNode() (*silence, error) {
	if err := syscall.Setenv(programEnv, "1"); err != nil {
		return nil, err
	}
	defer syscall.Unsetenv(programEnv)
	return silenceKernel(true, true)
}

// TestSettingsAreReadWhenTheOneBeforeIsDone starts while the janitor of one that was killed
// has not put them back yet.
func TestSettingsAreReadWhenTheOneBeforeIsDone(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	err := b.Do(func() error {
		lock, err := takeLock()
		if err != nil {
			return err
		}
		set := func(value string) error {
			return errors.Join(b.Sysctl(ignoreEcho4, value), b.Sysctl(ignoreEcho6, value))
		}
		if err := set("1"); err != nil {
			return err
		}
		back := make(chan error, 1)
		time.AfterFunc(lockPatience/5, func() {
			err := set("0")
			lock.Close()
			back <- err
		})
		k, err := silenceInNode()
		if err := errors.Join(<-back, err); err != nil {
			return err
		}
		if now := settings(t, b); now != [2]string{"1", "1"} {
			t.Errorf("while silent they are %q", now)
		}
		return k.restore()
	})
	if err != nil {
		t.Fatal(err)
	}
	if now := settings(t, b); now != [2]string{"0", "0"} {
		t.Errorf("afterwards they are %q", now)
	}
}

func TestASecondResponderIsRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	startResponder(t, b)
	out, code := run(t, b, icmpecho("respond"))
	if code != 2 || !strings.Contains(out, "another icmpecho respond is at work") {
		t.Errorf("exit code %d, printed %q", code, out)
	}
	if now := settings(t, b); now != [2]string{"1", "1"} {
		t.Errorf("the settings of the first one are now %q", now)
	}
}

func TestRefusesWhenTheKernelCannotBeSilenced(t *testing.T) {
	for err, text := range map[error]string{
		fs.ErrPermission: "CAP_NET_ADMIN is required: run as root",
		fs.ErrNotExist:   "it has no " + ignoreEcho6,
		syscall.EROFS:    "read-only file system",
	} {
		got := silenceError(ignoreEcho6, &fs.PathError{Op: "open", Path: "x", Err: err}).Error()
		if !strings.Contains(got, text) || !strings.Contains(got, "--kernel leave") {
			t.Errorf("%v: %q", err, got)
		}
	}
}

func TestTheJanitorPutsBackNothingElse(t *testing.T) {
	for _, text := range []string{"", "net.ipv4.ip_forward=1", ignoreEcho4, ignoreEcho4 + "=2", ignoreEcho4 + "=0\n", "../" + ignoreEcho4 + "=0"} {
		if s, err := parseSetting(text); err == nil {
			t.Errorf("%q: accepted as %+v", text, s)
		}
	}
	if s, err := parseSetting(ignoreEcho6 + "=0"); err != nil || s != (sysctl{ignoreEcho6, "0"}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestWithSettingsThatCannotBeWrittenItRefuses(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := icmpecho()
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", `mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$0" respond`, binary}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, code := run(t, b, cmd)
	if code != 2 || !strings.Contains(out, "the kernel cannot be kept from answering: set "+ignoreEcho4) || strings.Count(out, "\n") != 1 {
		t.Errorf("exit code %d, printed %q", code, out)
	}
	eventually(t, "nothing runs", func() bool { return len(processes(t, b)) == 0 })
	if now := settings(t, b); now != [2]string{"0", "0"} {
		t.Errorf("the settings are %q", now)
	}
}
