// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"protean/transport/impair"
)

// TestTheCatalogueInTheGuideIsWhatIsParsed parses the examples of the table of
// faults, each of which must be the stage that its row is about.
func TestTheCatalogueInTheGuideIsWhatIsParsed(t *testing.T) {
	b, err := os.ReadFile("testing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), "| stage | for example | what it does |\n|---|---|---|\n")
	if !ok {
		t.Fatal("there is no catalogue")
	}
	stage, kinds := "", map[string]bool{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 4 {
			break
		}
		if name := strings.Trim(cells[1], " `"); name != "" {
			stage = name
			kinds[name] = true
		}
		p, err := impair.Parse(strings.Trim(cells[2], " `"))
		if err != nil || len(p) != 1 || reflect.TypeOf(p[0]).Name() != stage {
			t.Errorf("%s: %v, %v", cells[2], p, err)
		}
	}
	if len(kinds) != 17 {
		t.Errorf("%d stages in the catalogue, want 17", len(kinds))
	}
}
