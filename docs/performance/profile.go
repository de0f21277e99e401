// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"protean/docs/performance/internal/measure"
)

// A profiled program is one of those that miss a goal, or of those they are
// compared with.
type profiled struct {
	file string // profile-FILE.txt
	name string // of the program
	run  func(b *bench, p program, started func(pid int) error) error
}

var profilesOf = []profiled{
	{"rx-afpacket-v3", "protean afpacket V3", (*bench).loadReceiver},
	{"rx-c-v3", "C TPACKET_V3 walk", (*bench).loadReceiver},
	{"tx-afpacket", "protean afpacket", (*bench).loadSender},
	{"tx-c-sendmmsg", "C sendmmsg packet", (*bench).loadSender},
	{"tx-afpacket-ring", "protean afpacket, transmit ring", (*bench).loadSender},
	{"tx-rawip", "protean rawip", (*bench).loadSender},
	{"rtt-rawip", "protean rawip", (*bench).loadResponder},
	{"rtt-afpacket-v2", "protean afpacket V2", (*bench).loadResponder},
}

// profiles has perf(1) look where the time goes, on a run of its own: it slows
// down what it looks at.
func (b *bench) profiles(only *regexp.Regexp, out string) error {
	perf, err := exec.LookPath("perf")
	if err != nil {
		return errors.New("perf is needed for profiles (Debian: apt-get install linux-perf)")
	}
	for _, f := range profilesOf {
		if !only.MatchString("profile " + f.file) {
			continue
		}
		all := receivers
		switch {
		case strings.HasPrefix(f.file, "tx"):
			all = senders
		case strings.HasPrefix(f.file, "rtt"):
			all = responders
		}
		if err := b.profile(perf, f, named(all, f.name), out); err != nil {
			return fmt.Errorf("profile of %s: %w", f.file, err)
		}
	}
	return nil
}

func (b *bench) profile(perf string, f profiled, p program, out string) error {
	data := filepath.Join(b.p.C, "perf.data")
	var record *exec.Cmd
	err := f.run(b, p, func(pid int) error {
		record = exec.Command(perf, "record", "-q", "-e", "cpu-clock", "-F", "10000", "-o", data, "-p", strconv.Itoa(pid))
		record.Stderr = os.Stderr
		if err := record.Start(); err != nil {
			return err
		}
		time.Sleep(500 * time.Millisecond) // until it has begun
		return nil
	})
	if record != nil {
		record.Process.Signal(syscall.SIGINT)
		record.Wait() // it ends by the signal
	}
	if err != nil {
		return err
	}
	report := exec.Command(perf, "report", "--stdio", "-i", data, "--no-children", "--percent-limit", "0.5", "--sort", "symbol")
	report.Stderr = os.Stderr
	text, err := report.Output()
	if err != nil {
		return err
	}
	head := fmt.Sprintf("%s, %s: share of its CPU time by function, [k] in the kernel.\nperf record -e cpu-clock -F 10000 while it works; perf report --no-children --sort symbol\n\n", f.file, p.name)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if s := strings.TrimSpace(line); s != "" && s[0] != '#' {
			lines = append(lines, strings.TrimRight(line, " -\n")) // without columns that say nothing
		}
	}
	return os.WriteFile(filepath.Join(out, "profile-"+f.file+".txt"), []byte(head+strings.Join(lines, "\n")+"\n"), 0o644)
}

// loadReceiver has a receiver take as much as can be sent.
func (b *bench) loadReceiver(p program, started func(pid int) error) error {
	c := b.receiver(p, nil, nil)
	r, err := measure.Start(b.lab.B, measure.ReceiverCPU, c.File, c.Args...)
	if err != nil {
		return err
	}
	defer r.Discard()
	if err := started(r.PID()); err != nil {
		return err
	}
	return measure.Generate(b.lab, b.p, measure.Load{Size: 60, For: b.seconds(8)})
}

// loadSender has a sender send all it can.
func (b *bench) loadSender(p program, started func(pid int) error) error {
	c := b.sender(p, 60, 64)
	s, err := measure.Start(b.lab.A, measure.SenderCPU, c.File, c.Args...)
	if err != nil {
		return err
	}
	defer s.Discard()
	if err := started(s.PID()); err != nil {
		return err
	}
	time.Sleep(b.seconds(3))
	return nil
}

// loadResponder has a responder answer on the client's CPU.
func (b *bench) loadResponder(p program, started func(pid int) error) error {
	if err := b.lab.KernelEcho(false); err != nil {
		return err
	}
	defer b.lab.KernelEcho(true)
	c := b.responder(p)
	r, err := measure.Start(b.lab.B, measure.SenderCPU, c.File, c.Args...)
	if err != nil {
		return err
	}
	defer r.Discard()
	if err := started(r.PID()); err != nil {
		return err
	}
	g, err := measure.Start(b.lab.A, measure.SenderCPU, b.p.C+"/rtt", b.lab.DstB.String(), "100000")
	if err != nil {
		return err
	}
	defer g.Discard()
	var rtt struct{ P50 float64 }
	return g.Wait(&rtt)
}
