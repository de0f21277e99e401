// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strconv"

	"protean/docs/performance/internal/measure"
)

var heading = []string{"table", "name", "x", "round", "load_average", "metric", "value"}

// csvOf has a line for each value of each sample.
func csvOf(rows []*Row) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Write(heading)
	for _, r := range rows {
		for i, s := range r.Samples {
			for _, m := range measure.Metrics {
				if v, ok := s[m]; ok {
					w.Write([]string{r.Table, r.Name, number(r.X), strconv.Itoa(i + 1), r.Loads[i], m, number(v)})
				}
			}
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

type summaryRow struct {
	Table   string                     `json:"table"`
	Name    string                     `json:"name"`
	X       float64                    `json:"x,omitempty"`
	Metrics map[string]measure.Summary `json:"metrics"`
	Date    string                     `json:"date,omitempty"`
	Failed  string                     `json:"failed,omitempty"`
}

// A summaryFile is what is written as JSON: medians, and where they are from.
type summaryFile struct {
	Machine Machine      `json:"machine"`
	Rows    []summaryRow `json:"rows"`
	Goals   []Verdict    `json:"goals,omitempty"`
}

func jsonOf(rows []*Row) ([]byte, error) {
	out := summaryFile{Machine: ThisMachine(), Goals: Judge(rows)}
	for _, r := range rows {
		s := summaryRow{r.Table, r.Name, r.X, map[string]measure.Summary{}, r.Date, r.Failed}
		for _, m := range measure.Metrics {
			if v, ok := r.summary(m); ok {
				s.Metrics[m] = v
			}
		}
		out.Rows = append(out.Rows, s)
	}
	return json.MarshalIndent(out, "", "\t")
}
