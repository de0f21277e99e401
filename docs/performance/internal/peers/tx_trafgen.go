// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package peers

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"syscall"

	"protean/docs/performance/internal/worker"
)

// trafgen is the packet generator of netsniff-ng, a program in C that is started
// beside: the same packet again and again out of a transmit ring. It is not told
// to write headers anew, as the others do.
type trafgen struct{ cmd *exec.Cmd }

func openTrafgen(o *worker.Options) (worker.Session, error) {
	path, err := exec.LookPath("trafgen")
	if err != nil {
		return nil, errors.New("trafgen is not installed (Debian: apt-get install netsniff-ng)")
	}
	ifi, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, err
	}
	p := make([]byte, o.Size)
	worker.Frame(p, [6]byte(ifi.HardwareAddr), o, 0)
	text := "{"
	for _, b := range p {
		text += fmt.Sprintf(" 0x%02x,", b)
	}
	// One process, statistics and the machine's settings left alone; without the
	// queueing discipline, which is its default.
	cmd := exec.Command(path, "--dev", o.Interface, "--cpus", "1", "--no-sock-mem", "--notouch-irq", "--no-cpu-stats", text[:len(text)-1]+" }")
	// It sends from a process of its own, which outlives it unless both are in a
	// group that is told to end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &trafgen{cmd}, nil
}

func (t *trafgen) Run() error { return t.cmd.Wait() }

func (t *trafgen) Close() { syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL) }

// Foreign says that the work is done elsewhere.
func (t *trafgen) Foreign() {}

// Counted returns nothing: what arrives is counted at the other end.
func (t *trafgen) Counted() (packets, lost uint64) { return 0, 0 }
