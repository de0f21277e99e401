// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// janitorLock is an abstract Unix socket, of which every network namespace has
// its own. The janitor holds it until it has put everything back: the next
// respond must not take the values of this one for the original ones.
const janitorLock = "@protean/icmpecho/respond"

// A janitor is the running process.
type janitor struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser // its standard input, which nobody writes to
	err  error          // once ended
}

// lockPatience is how long the janitor of a respond that has just been killed
// is given to finish.
const lockPatience = time.Second

func takeLock() (*net.UnixListener, error) {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockPatience / 50) {
		lock, err := net.ListenUnix("unix", &net.UnixAddr{Name: janitorLock, Net: "unix"})
		switch {
		case !errors.Is(err, syscall.EADDRINUSE):
			return lock, err
		case time.Now().After(deadline):
			return nil, errors.New("another " + program + " respond is at work in this network namespace")
		}
	}
}

// startJanitor starts a janitor, which keeps the lock, and returns when it is ready.
func startJanitor(lock *net.UnixListener, settings []sysctl) (*janitor, error) {
	held, err := lock.File()
	if err != nil {
		return nil, err
	}
	defer held.Close()

	j := &janitor{cmd: exec.Command("/proc/self/exe", janitorName)}
	for _, s := range settings {
		j.cmd.Args = append(j.cmd.Args, s.name+"="+s.value)
	}
	j.cmd.Args[0] = program
	j.cmd.Dir = "/"
	j.cmd.ExtraFiles = []*os.File{held}
	// A session of its own: out of reach of the terminal, of its hang-up, and
	// of signals to the process group.
	j.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if j.pipe, err = j.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := j.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := j.cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		return nil, fmt.Errorf("the janitor process does not start: %w", errors.Join(err, j.end()))
	}
	return j, nil
}

// end has the janitor put everything back, and waits for it.
func (j *janitor) end() error {
	if j.pipe != nil {
		j.pipe.Close()
		j.pipe = nil
		j.err = j.cmd.Wait()
	}
	return j.err
}
