// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// Enter makes sure that the program runs where it can build labs.
//
// If this process can (as root), Enter returns false and the program goes on.
// Otherwise it runs the program again, the same executable, arguments,
// environment and standard files, in a new user namespace, in which the
// caller's user and group are root, and in a new network namespace, and waits
// for it. Then done is true and exitCode that of the second process, 128 plus
// the signal's number if a signal ended it: the caller exits with it at once.
//
//	code, done, err := netlab.Enter()
//	if err != nil {
//		log.Fatal(err)
//	}
//	if done {
//		os.Exit(code)
//	}
//
// So Enter belongs at the start of main, before anything that must not happen
// twice. The second process sees no network but its labs and a loopback
// interface. It gets the signals SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 that the first one
// gets, and is killed when the first one dies. Other open files are not passed
// on.
//
// The error says why neither way works on this host; the program is then still
// the only process.
func Enter() (exitCode int, done bool, err error) {
	child := os.Getenv(childEnv) != ""
	os.Unsetenv(childEnv)
	here := Available()
	if here == nil && child {
		// The new network namespace is this program's own.
		here = netlink(func(c *rtnetlink.Conn) error { return setFlags(c, loopbackIndex, unix.IFF_UP) })
	}
	if here == nil {
		return 0, false, nil
	}
	if child {
		return 0, false, fmt.Errorf("%w, not even in a user namespace of its own", here)
	}
	code, err := runAgain()
	if err != nil {
		return 0, false, fmt.Errorf("%w; running again in a user namespace: %w (sysctls user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)", here, err)
	}
	return code, true, nil
}

// runAgain returns the exit code of the second process, or an error if it could
// not be started.
func runAgain() (int, error) {
	// The second process is killed when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		// An unprivileged gid_map needs setgroups(2) denied first
		// (user_namespaces(7)).
		GidMappingsEnableSetgroups: false,
		Pdeathsig:                  syscall.SIGKILL,
	}

	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended, passed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(passed)
		for {
			select {
			case s := <-signals:
				if !fromTerminal(s) {
					cmd.Process.Signal(s) // refused once it has ended
				}
			case <-ended:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(ended)
	<-passed

	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// fromTerminal reports whether s was, by all appearances, typed: then the
// terminal has sent it to the whole foreground process group, and so to the
// second process too, which must not get it twice.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	foreground, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}
