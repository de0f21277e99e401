// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strconv"

	"protean/docs/performance/internal/measure"
)

// csvOf has a line for each value of each sample.
func csvOf(rows []*Row) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Write([]string{"table", "name", "x", "round", "load_average", "metric", "value"})
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
	Failed  string                     `json:"failed,omitempty"`
}

// jsonOf has the medians, and where they are from.
func jsonOf(rows []*Row) ([]byte, error) {
	var out struct {
		Machine Machine      `json:"machine"`
		Rows    []summaryRow `json:"rows"`
		Goals   []Verdict    `json:"goals,omitempty"`
	}
	out.Machine = ThisMachine()
	out.Goals = Judge(rows)
	for _, r := range rows {
		s := summaryRow{r.Table, r.Name, r.X, map[string]measure.Summary{}, r.Failed}
		for _, m := range measure.Metrics {
			if v, ok := r.summary(m); ok {
				s.Metrics[m] = v
			}
		}
		out.Rows = append(out.Rows, s)
	}
	return json.MarshalIndent(out, "", "\t")
}
