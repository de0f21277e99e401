// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"protean/docs/performance/internal/report"
)

// benchmarks are the packages' own, by part: ours in the module above this one,
// those of peers that only this one knows beside them. They need no network.
var benchmarks = map[string][]struct{ dir, pkg, pattern string }{
	"frag":     {{"../..", "./proto/frag", "."}, {".", "./internal/peers", "Fragments"}},
	"dispatch": {{"../..", "./transport", "Load"}, {"../..", "./proto", "Dispatch|Reply|SteppedEcho|Timer"}},
}

// test compiles a package's tests.
func test(dir, pkg, file string) error {
	cmd := exec.Command("go", "test", "-c", "-o", file, pkg)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("tests of %s: %w", pkg, err)
	}
	return nil
}

// passes is how often a round runs each benchmark, for a short time each: what is
// compared is then close in time, where a machine's speed changes from second to second.
const passes = 6

// microBenchmarks runs a part's benchmarks in turn, several times over, and keeps
// what they print, which is what benchstat reads, and what comes of it.
func microBenchmarks(part string, rounds int, quick bool, out string) error {
	bin, err := os.MkdirTemp("", "protean-performance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	var programs []string
	for i, b := range benchmarks[part] {
		programs = append(programs, filepath.Join(bin, strconv.Itoa(i)+".test"))
		if err := test(b.dir, b.pkg, programs[i]); err != nil {
			return err
		}
	}
	time, times := "0.05s", rounds*passes
	if quick {
		time, times = "10x", rounds
	}
	var text bytes.Buffer
	var rows []*report.Row
	for range times {
		for i, b := range benchmarks[part] {
			var one bytes.Buffer
			cmd := exec.Command(programs[i], "-test.run=^$", "-test.bench="+b.pattern, "-test.benchmem", "-test.benchtime="+time)
			cmd.Dir = filepath.Join(b.dir, b.pkg)
			cmd.Stdout, cmd.Stderr = &one, os.Stderr
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("benchmarks of %s: %w\n%s", b.pkg, err, one.Bytes())
			}
			os.Stderr.Write(one.Bytes())
			text.Write(one.Bytes())
			if rows, err = report.Bench(rows, part, &one, load()); err != nil {
				return err
			}
		}
	}
	if err := os.WriteFile(filepath.Join(out, part+".txt"), text.Bytes(), 0o644); err != nil {
		return err
	}
	return report.Write(out, rows)
}
