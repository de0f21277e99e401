// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import "protean/docs/performance/internal/measure"

// A goal says how much one row of a table may cost compared with another.
type goal struct {
	table, name, other, metric string
	most                       float64
}

// goals are ratios of CPU time per packet, or of round trips, in one run: what
// a machine does from one minute to the next moves both sides.
var goals = []goal{
	{"rx 60 B unpaced", "protean afpacket V3", "C TPACKET_V3 walk", measure.CPU, 1.8},
	{"rx 60 B unpaced", "protean afpacket V3", "gopacket fork afpacket", measure.CPU, 0.6},
	{"rx 60 B unpaced", "protean afpacket V3", "gopacket fork afpacket, decoding", measure.CPU, 0.25},
	{"rx 60 B unpaced", "protean afpacket V3", "mdlayher/packet", measure.CPU, 1.0 / 40},
	{"rx 60 B 200 kpps", "protean afpacket V3", "C TPACKET_V3 walk", measure.CPU, 2.0},
	{"rx 1500 B unpaced", "protean afpacket V3", "C TPACKET_V3 walk", measure.CPU, 1.6},
	{"rx 60 B unpaced", "protean afpacket, no ring", "C recvmmsg packet", measure.CPU, 1.1},
	{"rx 60 B unpaced", "protean rawip", "C recvmmsg raw", measure.CPU, 1.15},
	{"rx 60 B unpaced", "protean rawip", "net.IPConn", measure.CPU, 0.8},
	{"tx 60 B", "protean afpacket", "C sendmmsg packet", measure.CPU, 1.1},
	{"tx 60 B", "protean afpacket", "C transmit ring", measure.CPU, 1.1},
	{"tx 60 B", "protean afpacket, transmit ring", "C transmit ring", measure.CPU, 1.1},
	{"tx 60 B", "protean afpacket", "mdlayher/packet", measure.CPU, 0.5},
	{"tx 60 B", "protean rawip", "C sendmmsg raw", measure.CPU, 1.15},
	{"tx 60 B", "protean rawip", "net.IPConn", measure.CPU, 0.8},
	{"rtt same CPU", "protean rawip", "C raw", measure.P50, 1.2},
	{"rtt same CPU", "protean rawip", "C raw", measure.P99, 1.5},
	{"rtt other CPU", "protean rawip", "C raw", measure.P50, 1.2},
	{"rtt other CPU", "protean rawip", "C raw", measure.P99, 1.5},
	{"rtt same CPU", "protean afpacket V2", "C packet V2", measure.P50, 1.2},
	{"rtt same CPU", "protean afpacket V2", "C packet V2", measure.P99, 1.5},
	{"rtt other CPU", "protean afpacket V2", "C packet V2", measure.P50, 1.2},
	{"rtt other CPU", "protean afpacket V2", "C packet V2", measure.P99, 1.5},
}

// A Verdict is a goal with what was measured.
type Verdict struct {
	Table  string          `json:"table"`
	Name   string          `json:"name"`
	Other  string          `json:"compared_with"`
	Metric string          `json:"metric"`
	Goal   float64         `json:"goal"`
	Ratio  measure.Summary `json:"ratio"`
	Met    bool            `json:"met"`
}

// Judge compares the rows with the goals that are about them.
func Judge(rows []*Row) (out []Verdict) {
	for _, g := range goals {
		a, b := find(rows, g.table, g.name), find(rows, g.table, g.other)
		if a == nil || b == nil {
			continue
		}
		r, ok := a.ratio(b, g.metric)
		if !ok {
			continue
		}
		out = append(out, Verdict{g.table, g.name, g.other, g.metric, g.most, r, r.Median <= g.most})
	}
	return out
}
