// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package fields

import (
	"os"
	"strings"
	"testing"
)

// A guide is the table of header fields in docs/transports.md.
type guide struct {
	columns []string
	rows    map[string][]string // by family and field
}

// readGuide returns the table whose second column is headed "Field".
func readGuide(t *testing.T) *guide {
	t.Helper()
	b, err := os.ReadFile("../../../docs/transports.md")
	must(t, err)
	g := &guide{rows: map[string][]string{}}
	for l := range strings.Lines(string(b)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(l), "|"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "`", "")
		}
		switch {
		case len(cells) > 2 && cells[1] == "Field":
			g.columns = cells
		case g.columns != nil && len(cells) != len(g.columns):
			return g
		case g.columns != nil && !strings.HasPrefix(cells[0], "--"):
			g.rows[cells[0]+" "+cells[1]] = cells
		}
	}
	t.Fatal("the guide has no table of fields")
	return nil
}

// check compares what was found with the cell: what is sent, and, behind a slash,
// what is received.
func (g *guide) check(t *testing.T, b *bench, name string, v6 bool, sent, received string) {
	t.Helper()
	is := sent
	if received != "" {
		is += " / " + received
	}
	key := familyName(v6) + " " + name
	for i, column := range g.columns {
		if column != b.column {
			continue
		}
		switch row := g.rows[key]; {
		case row == nil:
			t.Errorf("the guide has no row %q; %s is %q", key, column, is)
		case row[i] != is:
			t.Errorf("the guide says %q of %s, and it is %q", row[i], column, is)
		}
		return
	}
	t.Errorf("the guide has no column %q", b.column)
}
