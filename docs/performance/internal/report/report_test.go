// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"protean/docs/performance/internal/measure"
)

func rows() []*Row {
	samples := func(ns ...float64) (s []measure.Sample) {
		for _, v := range ns {
			s = append(s, measure.Sample{measure.CPU: v, measure.Rate: 1000})
		}
		return s
	}
	loads := []string{"0.10", "0.20", "0.30"}
	return []*Row{
		{Table: "rx 60 B unpaced", Name: "C TPACKET_V3 walk", Samples: samples(10, 20, 30), Loads: loads},
		{Table: "rx 60 B unpaced", Name: "protean afpacket V3", Samples: samples(15, 40, 45), Loads: loads},
		{Table: "rx 60 B unpaced", Name: "mdlayher/packet", Failed: "no such program"},
		{Table: "scale flows", Name: "protean afpacket V3", X: 100, Samples: samples(15), Loads: loads},
	}
}

func TestARatioIsThatOfTheSameRound(t *testing.T) {
	r := rows()
	got, ok := r[1].ratio(r[0], measure.CPU)
	want := measure.Summary{Median: 1.5, Min: 1.5, Max: 2, N: 3}
	if !ok || got != want {
		t.Errorf("got %+v, %v, want %+v", got, ok, want)
	}
}

func TestGoalsAreJudgedByTheMedian(t *testing.T) {
	v := Judge(rows())
	if len(v) != 1 {
		t.Fatalf("%d verdicts, want the one whose rows both have samples: %+v", len(v), v)
	}
	if v[0].Other != "C TPACKET_V3 walk" || v[0].Ratio.Median != 1.5 || !v[0].Met {
		t.Errorf("got %+v", v[0])
	}
}

func TestEachPartHasItsFiles(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, rows()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rx.csv", "rx.json", "rx.md", "rx-60-B-unpaced.svg", "rx-60-B-unpaced.png", "scale.csv", "scale-flows.svg"} {
		if s, err := os.Stat(filepath.Join(dir, name)); err != nil || s.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "rx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var j struct {
		Machine Machine
		Rows    []summaryRow
	}
	if err := json.Unmarshal(text, &j); err != nil {
		t.Fatal(err)
	}
	if j.Machine.Kernel == "" || len(j.Rows) != 3 || j.Rows[0].Metrics[measure.CPU].Median != 20 {
		t.Errorf("got %+v", j)
	}
}

func TestTablesSayWhatFailed(t *testing.T) {
	text, err := markdownOf(rows()[:3])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| C TPACKET_V3 walk | 20 (10–30) | 1000 |",
		"| mdlayher/packet | failed | failed |",
		"| protean afpacket V3 | rx 60 B unpaced | C TPACKET_V3 walk | cpu_ns_per_packet | ≤ 1.8 | 1.5 (1.5–2) | met |",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
}
