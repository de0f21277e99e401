// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"protean/docs/performance/internal/measure"
)

// A Row is one program under one condition, in all rounds.
type Row struct {
	Table   string           `json:"table"` // its first word is the part
	Name    string           `json:"name"`
	X       float64          `json:"x,omitempty"` // the condition that varies, if one does
	Samples []measure.Sample `json:"samples"`
	Loads   []string         `json:"load_average"`
	Date    string           `json:"date,omitempty"` // when it was measured
	Failed  string           `json:"failed,omitempty"`
}

func (r *Row) part() string {
	p, _, _ := strings.Cut(r.Table, " ")
	return p
}

// summary returns one metric over the rounds; ok is false if the row has none.
func (r *Row) summary(metric string) (s measure.Summary, ok bool) {
	var v []float64
	for _, m := range r.Samples {
		if x, has := m[metric]; has {
			v = append(v, x)
		}
	}
	return measure.Summarise(v), len(v) > 0
}

// ratio returns the median of the quotients of r and of other, round by round,
// since both of one round were measured shortly after one another.
func (r *Row) ratio(other *Row, metric string) (s measure.Summary, ok bool) {
	var v []float64
	for i := range min(len(r.Samples), len(other.Samples)) {
		a, hasA := r.Samples[i][metric]
		b, hasB := other.Samples[i][metric]
		if hasA && hasB && b > 0 {
			v = append(v, a/b)
		}
	}
	return measure.Summarise(v), len(v) > 0
}

// find returns a row, or nil.
func find(rows []*Row, table, name string, x float64) *Row {
	i := slices.IndexFunc(rows, func(r *Row) bool { return r.Table == table && r.Name == name && r.X == x })
	if i < 0 {
		return nil
	}
	return rows[i]
}

// tables returns the rows by table, in order.
func tables(rows []*Row) [][]*Row {
	var out [][]*Row
	for _, r := range rows {
		i := slices.IndexFunc(out, func(t []*Row) bool { return t[0].Table == r.Table })
		if i < 0 {
			out = append(out, nil)
			i = len(out) - 1
		}
		out[i] = append(out[i], r)
	}
	return out
}

// Write writes all files into a folder that exists. Tables that are there already,
// of a run on this machine, and were not measured again, stay.
func Write(dir string, rows []*Row) error {
	var parts []string
	here := ThisMachine()
	for _, r := range rows {
		r.Date = here.Date
		if !slices.Contains(parts, r.part()) {
			parts = append(parts, r.part())
		}
	}
	for _, part := range parts {
		of := slices.DeleteFunc(slices.Clone(rows), func(r *Row) bool { return r.part() != part })
		old, m, err := read(dir, part)
		if err != nil {
			return err
		}
		if m.CPU == here.CPU && m.Kernel == here.Kernel {
			of = merge(old, of)
		}
		for name, f := range map[string]func([]*Row) ([]byte, error){
			part + ".csv": csvOf, part + ".json": jsonOf, part + ".md": markdownOf,
		} {
			text, err := f(of)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				return err
			}
		}
		if err := plots(dir, of); err != nil {
			return err
		}
	}
	return nil
}
