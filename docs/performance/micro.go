// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// benchmarks are the packages' own, by part. They run in one process each time,
// peers beside ours, and need no network.
var benchmarks = map[string][]struct{ pkg, pattern string }{
	"frag":     {{"./proto/frag", "."}},
	"dispatch": {{"./transport", "Load"}, {"./proto", "Dispatch|Reply|SteppedEcho|Timer"}},
}

// microBenchmarks runs a part's benchmarks and keeps what they print, which is
// what benchstat reads.
func microBenchmarks(part string, rounds int, quick bool, out string) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(out, part+".txt"))
	if err != nil {
		return err
	}
	defer f.Close()
	for _, b := range benchmarks[part] {
		time := "0.5s"
		if quick {
			time = "10x"
		}
		cmd := exec.Command("go", "test", "-run", "^$", "-bench", b.pattern, "-benchmem", "-benchtime", time, "-count", strconv.Itoa(rounds), b.pkg)
		cmd.Dir = root
		cmd.Stdout, cmd.Stderr = io.MultiWriter(f, os.Stdout), os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("benchmarks of %s: %w", b.pkg, err)
		}
	}
	return f.Close()
}
