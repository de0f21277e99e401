// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package measure

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"protean/transport/netlab"
)

// A Process is a program at work in a node.
type Process struct {
	cmd    *exec.Cmd
	out    *bufio.Reader
	errs   bytes.Buffer
	Took   time.Duration // from its start until it was ready
	result chan output
	ended  bool
}

type output struct {
	text []byte
	err  error
}

// patience is how long a program may take to become ready, or to end.
const patience = 20 * time.Second

// Start runs a program in a node, on some CPUs as taskset(1) lists them, and
// waits until it says that it is ready.
func Start(n *netlab.Node, cpus string, name string, args ...string) (*Process, error) {
	began := time.Now()
	cmd := exec.Command("taskset", append([]string{"-c", cpus, name}, args...)...)
	p := &Process{cmd: cmd, result: make(chan output, 1)}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = &p.errs
	if err := n.Start(cmd); err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	kill := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	line, err := p.out.ReadString('\n')
	kill.Stop()
	if err != nil || strings.TrimSpace(line) != "ready" {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, fmt.Errorf("%s %s: not ready: %s", filepath.Base(name), strings.Join(args, " "), strings.TrimSpace(p.errs.String()))
	}
	p.Took = time.Since(began)
	go func() {
		text, err := io.ReadAll(p.out)
		p.result <- output{text, err}
	}()
	return p, nil
}

// Mark has the program begin to count its allocations.
func (p *Process) Mark() error { return p.cmd.Process.Signal(syscall.SIGUSR1) }

// Stop ends the program and decodes into v what it counted.
func (p *Process) Stop(v any) error {
	end := time.Now().Add(patience)
	for {
		p.cmd.Process.Signal(syscall.SIGTERM) // again, since it may come just before a call that blocks
		select {
		case o := <-p.result:
			return p.finish(o, v)
		case <-time.After(50 * time.Millisecond):
			if time.Now().After(end) {
				p.cmd.Process.Kill()
			}
		}
	}
}

// Wait waits until the program has ended by itself.
func (p *Process) Wait(v any) error { return p.finish(<-p.result, v) }

// Discard ends the program if it has not ended, for the ways out with an error.
func (p *Process) Discard() {
	if !p.ended {
		p.cmd.Process.Kill()
		<-p.result
		p.cmd.Wait()
	}
}

func (p *Process) finish(o output, v any) error {
	p.ended = true
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(p.cmd.Args[3:], " "), err, strings.TrimSpace(p.errs.String()))
	}
	if o.err != nil {
		return o.err
	}
	return json.Unmarshal(o.text, v)
}

// PID is the program's process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// CPU returns how long the program's threads, and those of its children, have
// run, in the kernel and outside, from /proc/PID/task/*/schedstat: nanoseconds,
// where getrusage(2) has ticks.
func (p *Process) CPU() (time.Duration, error) { return cpuOf(p.PID()) }

func cpuOf(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no threads of process %d: %v", pid, err)
	}
	var sum time.Duration
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended meanwhile
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", f, err)
		}
		sum += time.Duration(ns)
		children, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "children"))
		for _, c := range strings.Fields(string(children)) {
			n, err := strconv.Atoi(c)
			if err != nil {
				return 0, err
			}
			if ns, err := cpuOf(n); err == nil { // otherwise it has ended meanwhile
				sum += ns
			}
		}
	}
	return sum, nil
}

// Memory returns the most memory that was resident, a mapped ring included, in
// bytes (VmHWM of proc(5)).
func (p *Process) Memory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in the status of process %d", p.cmd.Process.Pid)
}
