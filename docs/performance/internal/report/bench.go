// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"bufio"
	"io"
	"regexp"
	"strconv"
	"strings"

	"protean/docs/performance/internal/measure"
)

// units are those of benchmarks that become metrics.
var units = map[string]string{"ns/op": measure.Time, "allocs/op": measure.AllocsOp}

// cpus is the number of CPUs at the end of a benchmark's name.
var cpus = regexp.MustCompile(`-[0-9]+$`)

// Bench adds what go test -bench has printed to a part's only table: a row for
// each benchmark, and a sample. load is the load average.
func Bench(rows []*Row, part string, text io.Reader, load string) (_ []*Row, err error) {
	for s := bufio.NewScanner(text); ; {
		if !s.Scan() {
			return rows, s.Err()
		}
		f := strings.Fields(s.Text())
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		sample := measure.Sample{}
		for i := 2; i+1 < len(f); i += 2 {
			if m := units[f[i+1]]; m != "" {
				if sample[m], err = strconv.ParseFloat(f[i], 64); err != nil {
					return nil, err
				}
			}
		}
		name := cpus.ReplaceAllString(strings.TrimPrefix(f[0], "Benchmark"), "")
		r := find(rows, part, name, 0)
		if r == nil {
			r = &Row{Table: part, Name: name}
			rows = append(rows, r)
		}
		r.Samples, r.Loads = append(r.Samples, sample), append(r.Loads, load)
	}
}
