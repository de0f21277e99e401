// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksOfTheGuidesLeadSomewhere(t *testing.T) {
	n := 0
	for _, f := range files(t, ".md") {
		_, prose := split(f, read(t, f))
		for _, m := range link.FindAllStringSubmatch(strings.Join(prose, "\n"), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %v", f, err)
				continue
			}
			if u.Scheme != "" {
				continue
			}
			n++
			target := f
			if u.Path != "" {
				target = path.Join(path.Dir(f), u.Path)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", f, m[1])
			} else if u.Fragment != "" && !anchors(read(t, target))[u.Fragment] {
				t.Errorf("%s: the link to %s leads to no heading", f, m[1])
			}
		}
	}
	if n == 0 {
		t.Error("no link found in any guide")
	}
}

// anchors returns the anchors of a markdown file's headings, made as GitHub
// makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	_, prose := split("", text)
	for _, l := range prose {
		if h := strings.TrimLeft(l, "#"); h != l && strings.HasPrefix(h, " ") {
			all[strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
					return unicode.ToLower(r)
				}
				return -1
			}, h[1:])] = true
		}
	}
	return all
}

var (
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
	testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`")
)

// testNames returns the names of all tests.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, f := range files(t, "_test.go") {
		for _, m := range testFunc.FindAllStringSubmatch(read(t, f), -1) {
			all[m[1]] = true
		}
	}
	return all
}

func TestTestsNamedInTheGuidesExist(t *testing.T) {
	tests := testNames(t)
	n := 0
	for _, f := range files(t, ".md") {
		for _, m := range testName.FindAllStringSubmatch(read(t, f), -1) {
			if n++; !tests[m[1]] {
				t.Errorf("%s: there is no %s", f, m[1])
			}
		}
	}
	if n == 0 {
		t.Error("no test is named in any guide")
	}
}

// TestTheMapShowsWhatExists checks the folders in architecture.md's map, the
// block that begins with "transport/".
func TestTheMapShowsWhatExists(t *testing.T) {
	blocks, _ := split("", read(t, "docs/architecture.md"))
	n := 0
	for _, b := range blocks {
		if len(b.lines) == 0 || !strings.HasPrefix(b.lines[0], "transport/ ") {
			continue
		}
		parent := ""
		for _, l := range b.lines {
			name := strings.Fields(l)[0]
			if l[0] != ' ' {
				parent = ""
			}
			if n++; !hasGo(parent+name, false) {
				t.Errorf("the map shows %s%s, which has no Go files", parent, name)
			}
			if l[0] != ' ' {
				parent = name
			}
		}
	}
	if n == 0 {
		t.Error("architecture.md has no map")
	}
}

// TestEveryDecisionHasANumberOfItsOwn checks that decisions are numbered from 1
// without gaps, and that headings have the numbers of their files.
func TestEveryDecisionHasANumberOfItsOwn(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(root, "docs", "decisions", "*.md"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no decisions: %v", err)
	}
	for i, name := range names { // in order
		number := fmt.Sprintf("%03d", i+1)
		base := filepath.Base(name)
		if !strings.HasPrefix(base, number+"-") {
			t.Errorf("%s: the number should be %s", base, number)
		}
		if !strings.HasPrefix(read(t, "docs/decisions/"+base), "# "+number+" ") {
			t.Errorf("%s: the heading has another number", base)
		}
	}
}
