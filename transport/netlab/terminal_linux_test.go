// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab_test

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns the two ends of a new pseudoterminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func TestAnInterruptThatIsTypedArrivesOnce(t *testing.T) {
	bothWays(t, func(t *testing.T, asNobody bool) {
		master, slave := terminal(t)
		cmd := program(t, "count interrupts", asNobody)
		cmd.Stdin = slave
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true // Ctty 0 is the standard input
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		var got []string
		for lines.Scan() {
			got = append(got, lines.Text())
			switch lines.Text() {
			case "ready":
				if _, err := master.Write([]byte{3}); err != nil { // Ctrl-C
					t.Error(err)
				}
			case "interrupt":
				// Passed on after an interrupt, if that is: signals are
				// taken and passed on in order.
				cmd.Process.Signal(syscall.SIGTERM)
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if want := []string{"ready", "interrupt", "terminated"}; !slices.Equal(got, want) {
			t.Errorf("the program saw %q, want %q", got, want)
		}
	})
}
