// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

func TestTablesMeasuredAgainTakeTheirPlaceAndOthersStay(t *testing.T) {
	dir := t.TempDir()
	of := func(table, name string, ns float64) *Row {
		return &Row{Table: table, Name: name, Samples: []measure.Sample{{measure.CPU: ns}}, Loads: []string{"0.10"}}
	}
	first := []*Row{of("scale flows", "a", 1), of("scale rate", "a", 2), of("scale rate", "b", 3), {Table: "scale rate", Name: "c", Failed: "no"}, of("scale queues", "a", 4)}
	if err := Write(dir, first); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, []*Row{of("scale rate", "a", 5), of("scale new", "a", 6), of("scale flows", "b", 7)}); err != nil {
		t.Fatal(err)
	}
	rows, _, err := read(dir, "scale")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		s, _ := r.summary(measure.CPU)
		got = append(got, fmt.Sprintf("%s %s %v", r.Table, r.Name, s.Median))
	}
	want := []string{"scale flows b 7", "scale rate a 5", "scale queues a 4", "scale new a 6"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPageGetsWhatWasMeasured(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, rows()); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "page.md")
	write := func(text string) {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n<!-- measured: goals -->\nold\n<!-- end -->\nbetween\n<!-- measured: scale -->\n<!-- end -->\nafter\n")
	for range 2 { // the second time changes nothing
		if err := Page(page, dir); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"before\n<!-- measured: goals -->\n\n| ", " | ≤ 1.8 | 1.5 (1.5–2) | met |\n",
		"\n\n<!-- end -->\nbetween\n", "### scale flows\n", "| protean afpacket V3 | 100 | 15 | 1000 |\n\n<!-- end -->\nafter\n",
	} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("not once %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Errorf("what was there before is still there:\n%s", text)
	}
	for _, nobody := range []string{"nothing", "other/goals"} {
		write("<!-- measured: " + nobody + " -->\n<!-- end -->\n")
		if err := Page(page, dir); err == nil {
			t.Errorf("no error for %s, which nobody measured", nobody)
		}
	}
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(other, rows()); err != nil {
		t.Fatal(err)
	}
	if err := Page(page, dir); err != nil { // as it was left
		t.Error(err)
	}
	if text, err = os.ReadFile(page); err != nil || !strings.Contains(string(text), "| 1.5 (1.5–2) | met |") {
		t.Errorf("%v, and the goals on another machine are\n%s", err, text)
	}
}

func TestAProcessorIsToldFromItsLike(t *testing.T) {
	for info, want := range map[string]string{
		"processor\t: 0\ncpu family\t: 23\nmodel\t\t: 49\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\nmodel\t\t: 1\n": "AMD EPYC (family 23, model 49)",
		"processor\t: 0\nBogoMIPS\t: 243.75\n": "", // arm64 has no name
	} {
		if got := cpuOf(info); got != want {
			t.Errorf("%q is %q, want %q", info, got, want)
		}
	}
}

func TestBenchmarksBecomeRows(t *testing.T) {
	text := "goos: linux\nBenchmarkFeed/v4-2   100   97.5 ns/op  15114 MB/s  0 B/op  3 allocs/op\nPASS\n"
	var rows []*Row
	for range 2 {
		var err error
		if rows, err = Bench(rows, "frag", strings.NewReader(text), "0.10"); err != nil {
			t.Fatal(err)
		}
	}
	if len(rows) != 1 || rows[0].Table != "frag" || rows[0].Name != "Feed/v4" || len(rows[0].Samples) != 2 ||
		rows[0].Samples[1][measure.Time] != 97.5 || rows[0].Samples[1][measure.AllocsOp] != 3 {
		t.Errorf("got %+v", rows)
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
