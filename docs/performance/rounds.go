// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"os"
	"strings"

	"protean/docs/performance/internal/measure"
	"protean/docs/performance/internal/report"
)

// rounds runs all cells in turn, several times over, so that a machine that is
// slower for a while is so for all of them. A program that fails loses its row,
// not everybody's.
func (b *bench) rounds(cells []cell, n int) []*report.Row {
	rows := make([]*report.Row, len(cells))
	for i, c := range cells {
		rows[i] = &report.Row{Table: c.Table, Name: c.Name, X: c.X}
	}
	for round := range n {
		for i, c := range cells {
			s, err := c.run(b)
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s, %s: %v\n", c.Table, c.Name, err)
				rows[i].Failed = err.Error()
				continue
			}
			rows[i].Samples = append(rows[i].Samples, s)
			rows[i].Loads = append(rows[i].Loads, load())
			fmt.Fprintf(os.Stderr, "round %d/%d  %-22s %-34s %s\n", round+1, n, c.Table, c.Name, brief(s))
		}
	}
	return rows
}

func brief(s measure.Sample) string {
	var out []string
	for _, m := range []string{measure.CPU, measure.Rate, measure.Loss, measure.P50, measure.P99, measure.Allocs, measure.Frame} {
		if v, ok := s[m]; ok {
			out = append(out, fmt.Sprintf("%s %.4g", m, v))
		}
	}
	return strings.Join(out, "  ")
}

// load is the load average of the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func (b *bench) report(rows []*report.Row, out string) error {
	return report.Write(out, rows)
}
