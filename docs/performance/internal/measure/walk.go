// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package measure

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
)

// nsPerFrame is what both walks in memory print: "4.57 ns/frame" the one in C,
// "4.57 cpu-ns/frame" the benchmark.
var nsPerFrame = regexp.MustCompile(`([0-9.]+) (?:cpu-)?ns/frame`)

// Walk runs a program that walks blocks in memory, on the receiver's CPU.
func Walk(c Command) (Sample, error) {
	v, err := walk(c, ReceiverCPU)
	return Sample{Frame: v}, err
}

// WalkBeside runs it on several CPUs at once, each with blocks of its own: how
// much faster that is says what the machine's CPUs take from each other.
func WalkBeside(c Command, cpus ...string) (Sample, error) {
	times, errs := make([]float64, len(cpus)), make([]error, len(cpus))
	var all sync.WaitGroup
	for i, cpu := range cpus {
		all.Go(func() { times[i], errs[i] = walk(c, cpu) })
	}
	all.Wait()
	s := Sample{}
	for _, ns := range times {
		s[Rate] += 1e6 / ns
		s[CPU] += ns / float64(len(cpus))
	}
	return s, errors.Join(errs...)
}

func walk(c Command, cpu string) (ns float64, err error) {
	text, err := exec.Command("taskset", append([]string{"-c", cpu, c.File}, c.Args...)...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%v: %w\n%s", c, err, text)
	}
	m := nsPerFrame.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%v: no time per frame in %q", c, text)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
