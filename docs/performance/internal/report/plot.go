// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"protean/docs/performance/internal/measure"
)

// plots draws each table: bars where programs are compared, lines where a
// condition varies.
func plots(dir string, rows []*Row) error {
	for _, t := range tables(rows) {
		metric, label := shown(t)
		p := plot.New()
		p.Title.Text = t[0].Table
		var err error
		if t[0].X != 0 {
			err = lines(p, t, metric, label)
		} else {
			err = bars(p, t, metric, label)
		}
		if err != nil {
			return err
		}
		name := strings.NewReplacer(" ", "-", ",", "").Replace(t[0].Table)
		for _, ext := range []string{".svg", ".png"} {
			if err := p.Save(20*vg.Centimeter, 12*vg.Centimeter, filepath.Join(dir, name+ext)); err != nil {
				return err
			}
		}
	}
	return nil
}

// shown is the metric that a table's plot shows, with its label.
func shown(t []*Row) (metric, label string) {
	for _, c := range []struct{ metric, label string }{
		{measure.Piece, "CPU time per fragment, ns (median)"},
		{measure.CPU, "CPU time per packet, ns (median)"},
		{measure.P50, "round trip, µs (median)"},
		{measure.Frame, "CPU time per frame, ns (median)"},
	} {
		if has(t, c.metric) {
			return c.metric, c.label
		}
	}
	return measure.Time, "time per operation, ns (median)"
}

func bars(p *plot.Plot, rows []*Row, metric, label string) error {
	var names []string
	var values plotter.Values
	for i := len(rows) - 1; i >= 0; i-- { // the first on top
		if s, ok := rows[i].summary(metric); ok {
			names = append(names, rows[i].Name)
			values = append(values, s.Median)
		}
	}
	if len(values) == 0 {
		return nil
	}
	b, err := plotter.NewBarChart(values, vg.Points(14))
	if err != nil {
		return err
	}
	b.Horizontal = true
	b.Color = plotutil.Color(2)
	p.Add(b)
	p.NominalY(names...)
	p.X.Label.Text = label
	p.X.Min = 0
	return nil
}

func lines(p *plot.Plot, rows []*Row, metric, label string) error {
	byName := map[string]plotter.XYs{}
	var names []string
	for _, r := range rows {
		s, ok := r.summary(metric)
		if !ok {
			continue
		}
		if byName[r.Name] == nil {
			names = append(names, r.Name)
		}
		byName[r.Name] = append(byName[r.Name], plotter.XY{X: r.X, Y: s.Median})
	}
	var args []any
	for _, n := range names {
		args = append(args, n, byName[n])
	}
	if len(args) == 0 {
		return nil
	}
	p.Y.Label.Text, p.X.Label.Text = label, condition(rows[0])
	p.Y.Min = 0
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{}
	p.Legend.Top = true
	return plotutil.AddLinePoints(p, args...)
}
