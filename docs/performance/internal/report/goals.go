// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"fmt"
	"strings"

	"protean/docs/performance/internal/measure"
)

// A goal says how much one row may cost, compared with another one or by itself.
type goal struct {
	table, name, other, metric string

	bound  float64
	least  bool    // the bound is the least that is wanted, not the most
	x      float64 // of the row, where a condition varies
	otherX float64 // of the other row; 0: the same
}

// goals are ratios in one run, round by round, since what a machine does from
// one minute to the next moves both sides; only some are plain figures.
var goals = []goal{
	{table: "rx 60 B unpaced", name: "protean afpacket V3", other: "C TPACKET_V3 walk", metric: measure.CPU, bound: 1.8},
	{table: "rx 60 B unpaced", name: "protean afpacket V3", other: "C TPACKET_V3 walk, touched first", metric: measure.CPU, bound: 1.8},
	{table: "rx 60 B unpaced", name: "protean afpacket V3", other: "gopacket fork afpacket", metric: measure.CPU, bound: 0.6},
	{table: "rx 60 B unpaced", name: "protean afpacket V3", other: "gopacket fork afpacket, decoding", metric: measure.CPU, bound: 0.25},
	{table: "rx 60 B unpaced", name: "protean afpacket V3", other: "mdlayher/packet", metric: measure.CPU, bound: 1.0 / 40},
	{table: "rx 60 B 200 kpps", name: "protean afpacket V3", other: "C TPACKET_V3 walk", metric: measure.CPU, bound: 2.0},
	{table: "rx 60 B 200 kpps", name: "protean afpacket V3", other: "C TPACKET_V3 walk, touched first", metric: measure.CPU, bound: 2.0},
	{table: "rx 1500 B unpaced", name: "protean afpacket V3", other: "C TPACKET_V3 walk", metric: measure.CPU, bound: 1.6},
	{table: "rx 1500 B unpaced", name: "protean afpacket V3", other: "C TPACKET_V3 walk, touched first", metric: measure.CPU, bound: 1.6},
	{table: "rx 60 B unpaced", name: "protean afpacket, no ring", other: "C recvmmsg packet", metric: measure.CPU, bound: 1.1},
	{table: "rx 60 B unpaced", name: "protean rawip", other: "C recvmmsg raw", metric: measure.CPU, bound: 1.15},
	{table: "rx 60 B unpaced", name: "protean rawip", other: "net.IPConn", metric: measure.CPU, bound: 0.8},
	{table: "rx 60 B unpaced", name: "protean afpacket V3", metric: measure.Memory, bound: 24},
	{table: "rx 60 B unpaced", name: "protean afpacket V3", metric: measure.Allocs, bound: 0.001},

	{table: "tx 60 B", name: "protean afpacket", other: "C sendmmsg packet", metric: measure.CPU, bound: 1.1},
	{table: "tx 60 B", name: "protean afpacket", other: "C transmit ring", metric: measure.CPU, bound: 1.1},
	{table: "tx 60 B", name: "protean afpacket, transmit ring", other: "C transmit ring", metric: measure.CPU, bound: 1.1},
	{table: "tx 60 B", name: "protean afpacket", other: "mdlayher/packet", metric: measure.CPU, bound: 0.5},
	{table: "tx 60 B", name: "protean afpacket", other: "trafgen", metric: measure.Rate, bound: 1, least: true},
	{table: "tx 60 B", name: "protean rawip", other: "C sendmmsg raw", metric: measure.CPU, bound: 1.15},
	{table: "tx 60 B", name: "protean rawip", other: "net.IPConn", metric: measure.CPU, bound: 0.8},
	{table: "tx 60 B", name: "protean afpacket", metric: measure.Allocs, bound: 0.001},

	{table: "rtt same CPU", name: "protean rawip", other: "C raw", metric: measure.P50, bound: 1.2},
	{table: "rtt same CPU", name: "protean rawip", other: "C raw", metric: measure.P99, bound: 1.5},
	{table: "rtt other CPU", name: "protean rawip", other: "C raw", metric: measure.P50, bound: 1.2},
	{table: "rtt other CPU", name: "protean rawip", other: "C raw", metric: measure.P99, bound: 1.5},
	{table: "rtt same CPU", name: "protean afpacket V2", other: "C packet V2", metric: measure.P50, bound: 1.2},
	{table: "rtt same CPU", name: "protean afpacket V2", other: "C packet V2", metric: measure.P99, bound: 1.5},
	{table: "rtt other CPU", name: "protean afpacket V2", other: "C packet V2", metric: measure.P50, bound: 1.2},
	{table: "rtt other CPU", name: "protean afpacket V2", other: "C packet V2", metric: measure.P99, bound: 1.5},

	{table: "scale flows", name: "protean afpacket V3", x: 100_000, other: "protean afpacket V3", otherX: 1, metric: measure.CPU, bound: 1.1},
	{table: "scale drained queues", name: "protean afpacket V3", x: 2, other: "protean afpacket V3", otherX: 1, metric: measure.Rate, bound: 1.8, least: true},

	{table: "walk 60 B", name: "protean ring V3", x: 1, other: "C TPACKET_V3 walk", metric: measure.Frame, bound: 1.1},
	{table: "walk 60 B", name: "protean ring V3", x: 16, other: "C TPACKET_V3 walk", metric: measure.Frame, bound: 1.1},
	{table: "walk 60 B", name: "protean ring V3", x: 256, other: "C TPACKET_V3 walk", metric: measure.Frame, bound: 1.1},
	{table: "walk 1500 B", name: "protean ring V3", x: 1, other: "C TPACKET_V3 walk", metric: measure.Frame, bound: 1.1},
	{table: "walk 1500 B", name: "protean ring V3", x: 16, other: "C TPACKET_V3 walk", metric: measure.Frame, bound: 1.1},
	{table: "walk 1500 B", name: "protean ring V3", x: 256, other: "C TPACKET_V3 walk", metric: measure.Frame, bound: 1.1},

	{table: "dispatch", name: "Dispatch/handlers=1", metric: measure.Time, bound: 25},
	{table: "dispatch", name: "Dispatch/handlers=16", metric: measure.Time, bound: 25},
	{table: "dispatch", name: "Dispatch/handlers=256", metric: measure.Time, bound: 25},
	{table: "dispatch", name: "Dispatch/handlers=256", metric: measure.AllocsOp, bound: 0.001},

	{table: "frag", name: "Feed/v4/2x1480/inorder", other: "Copy/1480", metric: measure.Time, bound: 3},
	{table: "frag", name: "Feed/v4/45x1448/shuffled", other: "Copy/1480", metric: measure.Time, bound: 3},
	{table: "frag", name: "Interleaved/4096x1480", metric: measure.Time, bound: 1000},
	{table: "frag", name: "Feed/v4/45x1448/shuffled", metric: measure.AllocsOp, bound: 0.001},
}

// A Verdict is a goal with what was measured.
type Verdict struct {
	Table  string          `json:"table"`
	Name   string          `json:"name"`
	Other  string          `json:"compared_with,omitempty"`
	Metric string          `json:"metric"`
	Goal   float64         `json:"goal"`
	Least  bool            `json:"at_least,omitempty"`
	Ratio  measure.Summary `json:"measured"` // ratio, or the figure itself if nothing is compared
	Met    bool            `json:"met"`
}

// Judge compares the rows with the goals that are about them.
func Judge(rows []*Row) (out []Verdict) {
	for _, g := range goals {
		a := find(rows, g.table, g.name, g.x)
		if a == nil {
			continue
		}
		v := Verdict{Table: g.table, Name: g.name, Other: g.other, Metric: g.metric, Goal: g.bound, Least: g.least}
		var ok bool
		if g.other == "" {
			v.Ratio, ok = a.summary(g.metric)
		} else {
			x := g.otherX
			if x == 0 {
				x = g.x
			}
			b := find(rows, g.table, g.other, x)
			if b == nil {
				continue
			}
			v.Ratio, ok = a.ratio(b, g.metric)
			if g.otherX != 0 {
				v.Other = fmt.Sprintf("the same at %.0f", g.otherX)
			}
		}
		if !ok {
			continue
		}
		if g.x != 0 {
			v.Table = fmt.Sprintf("%s, %.0f", g.table, g.x)
		}
		v.Met = v.Ratio.Median <= g.bound
		if g.least {
			v.Met = v.Ratio.Median >= g.bound
		}
		out = append(out, v)
	}
	return out
}

// result says by how much a goal was missed.
func (v *Verdict) result() string {
	switch {
	case v.Met:
		return "met"
	case v.Least:
		return fmt.Sprintf("missed by %.0f %%", 100*(1-v.Ratio.Median/v.Goal))
	}
	return fmt.Sprintf("missed by %.0f %%", 100*(v.Ratio.Median/v.Goal-1))
}

// goalsTable is Markdown.
func goalsTable(rows []*Row) string {
	verdicts := Judge(rows)
	if len(verdicts) == 0 {
		return ""
	}
	var out strings.Builder
	line(&out, []string{"", "table", "compared with", "metric", "goal", "measured", ""})
	line(&out, []string{"---", "---", "---", "---", "--:", "--:", "---"})
	for _, v := range verdicts {
		sign := "≤"
		if v.Least {
			sign = "≥"
		}
		line(&out, []string{v.Name, v.Table, v.Other, v.Metric, fmt.Sprintf("%s %.3g", sign, v.Goal),
			fmt.Sprintf("%.3g (%.3g–%.3g)", v.Ratio.Median, v.Ratio.Min, v.Ratio.Max), v.result()})
	}
	return out.String()
}
