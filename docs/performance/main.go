// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"protean/docs/performance/internal/lab"
	"protean/docs/performance/internal/measure"
	"protean/docs/performance/internal/peers"
	"protean/docs/performance/internal/report"
	"protean/docs/performance/internal/worker"
	"protean/transport/netlab"
)

// groups are the parts that can be asked for. Those without cells run the
// packages' benchmarks.
var groups = map[string]func() []cell{
	"rx": rxCells, "tx": txCells, "rtt": rttCells, "scale": scaleCells, "walk": walkCells,
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) > 0 && args[0] == "worker" {
		return worker.Main(args[1:], peers.All())
	}
	code, done, err := netlab.Enter()
	if done {
		return code
	}
	if err == nil {
		err = all(args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "performance:", err)
		return 1
	}
	return 0
}

func all(args []string) error {
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "usage: run [flags] [rx] [tx] [rtt] [scale] [frag] [dispatch] [walk] [profile]   (default: all)")
		f.PrintDefaults()
	}
	rounds := f.Int("rounds", 5, "how often each program runs; they take turns")
	quick := f.Bool("quick", false, "short runs, to see that everything works; the figures mean little")
	only := f.String("only", "", "run only the rows whose table and name, with a space between them, match this regular expression; their tables are written anew as a whole")
	page := f.Bool("page", false, "write what is in the folder of results into docs/performance.md, instead of measuring")
	out := f.String("out", "results", "folder for CSV, JSON, Markdown and plots")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 {
		return fmt.Errorf("--rounds %d is not positive", *rounds)
	}
	if *page {
		return report.Page("../performance.md", *out)
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	parts := f.Args()
	if len(parts) == 0 {
		parts = []string{"rx", "tx", "rtt", "scale", "frag", "dispatch", "walk", "profile"}
	}
	var cells []cell
	var micro []string
	profile := false
	for _, p := range parts {
		switch {
		case groups[p] != nil:
			cells = append(cells, groups[p]()...)
		case p == "frag" || p == "dispatch":
			micro = append(micro, p)
		case p == "profile":
			profile = true
		default:
			return fmt.Errorf("there is no part %q", p)
		}
	}
	cells = slices.DeleteFunc(cells, func(c cell) bool { return !pattern.MatchString(c.Table + " " + c.Name) })
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for _, part := range micro {
		if err := microBenchmarks(part, *rounds, *quick, *out); err != nil {
			return err
		}
	}
	if len(cells) == 0 && !profile {
		return nil
	}
	return inLab(*quick, func(b *bench) error {
		if len(cells) > 0 {
			if err := b.report(b.rounds(cells, *rounds), *out); err != nil {
				return err
			}
		}
		if profile {
			return b.profiles(pattern, *out)
		}
		return nil
	})
}

// inLab calls f with all programs built and the network up.
func inLab(quick bool, f func(*bench) error) error {
	bin, err := os.MkdirTemp("", "protean-performance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	if err := compile(bin); err != nil {
		return err
	}
	self, err := filepath.EvalSymlinks("/proc/self/exe")
	if err != nil {
		return err
	}
	l, err := lab.New()
	if err != nil {
		return err
	}
	defer l.Close()
	programs := measure.Programs{C: bin, Peers: self, Ours: filepath.Join(filepath.Dir(self), "ours")}
	if _, err := os.Stat(programs.Ours); err != nil {
		return fmt.Errorf("start docs/performance/run, which builds all programs: %w", err)
	}
	b := &bench{lab: l, p: programs, ring: filepath.Join(bin, "ring.test"), quick: quick}
	if err := test("../..", "./ring", b.ring); err != nil {
		return err
	}
	return f(b)
}
