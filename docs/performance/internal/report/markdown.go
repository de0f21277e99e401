// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"bytes"
	"fmt"
	"strings"

	"protean/docs/performance/internal/measure"
)

// columns are the metrics that tables show, with their headings.
var columns = []struct {
	metric, heading, format string
}{
	{measure.CPU, "CPU ns/packet", "%.0f"},
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
}

// markdownOf has a table for each table, and then the goals.
func markdownOf(rows []*Row) ([]byte, error) {
	var out bytes.Buffer
	for _, t := range tables(rows) {
		fmt.Fprintf(&out, "### %s\n\n", t[0].Table)
		heads, rule := []string{""}, []string{"---"}
		varies := t[0].X != 0
		if varies {
			heads, rule = append(heads, strings.TrimPrefix(t[0].Table, "scale ")), append(rule, "--:")
		}
		for _, c := range columns {
			if has(t, c.metric) {
				heads, rule = append(heads, c.heading), append(rule, "--:")
			}
		}
		line(&out, heads)
		line(&out, rule)
		for _, r := range t {
			cells := []string{r.Name}
			if varies {
				cells = append(cells, fmt.Sprintf("%.0f", r.X))
			}
			for _, c := range columns {
				if has(t, c.metric) {
					cells = append(cells, cellOf(r, c.metric, c.format))
				}
			}
			line(&out, cells)
		}
		out.WriteByte('\n')
	}
	if v := Judge(rows); len(v) > 0 {
		out.WriteString("### Goals\n\n")
		line(&out, []string{"", "table", "compared with", "metric", "goal", "measured", ""})
		line(&out, []string{"---", "---", "---", "---", "--:", "--:", "---"})
		for _, g := range v {
			met := "met"
			if !g.Met {
				met = fmt.Sprintf("missed by %.0f %%", 100*(g.Ratio.Median/g.Goal-1))
			}
			line(&out, []string{g.Name, g.Table, g.Other, g.Metric, fmt.Sprintf("≤ %.3g", g.Goal),
				fmt.Sprintf("%.3g (%.3g–%.3g)", g.Ratio.Median, g.Ratio.Min, g.Ratio.Max), met})
		}
	}
	return out.Bytes(), nil
}

func line(out *bytes.Buffer, cells []string) {
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
