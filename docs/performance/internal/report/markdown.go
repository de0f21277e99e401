// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"fmt"
	"io"
	"strings"

	"protean/docs/performance/internal/measure"
)

// A column is a metric that tables show, with its heading.
type column struct {
	metric, heading, format string
}

var columns = []column{
	{measure.CPU, "CPU ns/packet", "%.0f"},
	{measure.Piece, "CPU ns/fragment", "%.0f"},
	{measure.Rate, "kpps", "%.0f"},
	{measure.Loss, "loss %", "%.2f"},
	{measure.Allocs, "allocs/packet", "%.3f"},
	{measure.Memory, "RSS MiB", "%.1f"},
	{measure.StartUp, "start ms", "%.0f"},
	{measure.P50, "p50 µs", "%.1f"},
	{measure.P90, "p90 µs", "%.1f"},
	{measure.P99, "p99 µs", "%.1f"},
	{measure.P999, "p99.9 µs", "%.1f"},
	{measure.PerEcho, "CPU µs/echo", "%.1f"},
	{measure.Time, "ns/op", "%.1f"},
	{measure.AllocsOp, "allocs/op", "%.0f"},
	{measure.Frame, "CPU ns/frame", "%.2f"},
}

// collector are the columns about the garbage collector.
var collector = []column{
	{measure.Rate, "kpps", "%.0f"},
	{measure.Allocs, "allocs/packet", "%.3f"},
	{measure.Objects, "heap objects in the run", "%.0f"},
	{measure.GCs, "collections/s", "%.1f"},
}

// condition is what varies in the table of a row with an X.
func condition(r *Row) string {
	if r.part() == "walk" {
		return "MiB of blocks"
	}
	return strings.TrimPrefix(r.Table, "scale ")
}

// markdownOf has each table, and then the goals.
func markdownOf(rows []*Row) ([]byte, error) {
	text := tablesOf(rows)
	if g := goalsTable(rows); g != "" {
		text += "\n### Goals\n\n" + g
	}
	return []byte(text), nil
}

// tablesOf has a heading and a table for each table.
func tablesOf(rows []*Row) string {
	var out strings.Builder
	for i, t := range tables(rows) {
		if i > 0 {
			out.WriteByte('\n')
		}
		if t[0].Table != t[0].part() {
			fmt.Fprintf(&out, "### %s\n\n", t[0].Table)
		}
		table(&out, t, columns)
	}
	return out.String()
}

func table(out io.Writer, t []*Row, all []column) {
	heads, rule := []string{""}, []string{"---"}
	varies := t[0].X != 0
	if varies {
		heads, rule = append(heads, condition(t[0])), append(rule, "--:")
	}
	var shown []column
	for _, c := range all {
		if has(t, c.metric) {
			shown, heads, rule = append(shown, c), append(heads, c.heading), append(rule, "--:")
		}
	}
	line(out, heads)
	line(out, rule)
	for _, r := range t {
		cells := []string{r.Name}
		if varies {
			cells = append(cells, fmt.Sprintf("%.0f", r.X))
		}
		for _, c := range shown {
			cells = append(cells, cellOf(r, c.metric, c.format))
		}
		line(out, cells)
	}
}

// collections has what the garbage collector did where as much was received or
// sent as possible.
func collections(rows []*Row) string {
	var out strings.Builder
	for _, t := range tables(rows) {
		if name := t[0].Table; name != "rx 60 B unpaced" && name != "rx 1500 B unpaced" && name != "tx 60 B" {
			continue
		}
		var of []*Row
		for _, r := range t {
			if _, ok := r.summary(measure.GCs); ok {
				of = append(of, r)
			}
		}
		if len(of) == 0 {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "%s:\n\n", t[0].Table)
		table(&out, of, collector)
	}
	return out.String()
}

func line(out io.Writer, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

func has(rows []*Row, metric string) bool {
	for _, r := range rows {
		if _, ok := r.summary(metric); ok {
			return true
		}
	}
	return false
}

func cellOf(r *Row, metric, format string) string {
	s, ok := r.summary(metric)
	switch {
	case !ok && r.Failed != "":
		return "failed"
	case !ok:
		return ""
	case s.N == 1 || s.Min == s.Max:
		return fmt.Sprintf(format, s.Median)
	}
	return fmt.Sprintf(format+" ("+format+"–"+format+")", s.Median, s.Min, s.Max)
}
