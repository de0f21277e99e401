// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// goLines returns the lines of each Go file of the repository.
func goLines(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, f := range files(t, ".go") {
		all[f] = strings.Split(read(t, f), "\n")
	}
	return all
}

// compiled reports whether code is found, as it is but for its indentation, in
// a Go file.
func compiled(code []string, in map[string][]string) bool {
	want, first := dedent(code), strings.TrimSpace(code[0])
	for _, lines := range in {
		for i := 0; i+len(code) <= len(lines); i++ {
			if strings.TrimSpace(lines[i]) == first && dedent(lines[i:i+len(code)]) == want {
				return true
			}
		}
	}
	return false
}

func TestGoCodeOfTheGuidesIsCompiled(t *testing.T) {
	in := goLines(t)
	n := 0
	for _, f := range files(t, ".md") {
		blocks, _ := split(f, read(t, f))
		for _, b := range blocks {
			switch {
			case b.lang == "not closed":
				t.Errorf("%s:%d: this block of code has no end", b.file, b.line)
			case b.lang != "go":
			case len(b.lines) == 0 || !compiled(b.lines, in):
				t.Errorf("%s:%d: this code is in no Go file", b.file, b.line)
			default:
				n++
			}
		}
	}
	if n == 0 {
		t.Error("no Go code found in any guide")
	}
}

func TestCompiledFindsNoOtherCode(t *testing.T) {
	in := map[string][]string{"x.go": {"package x", "", "func f() {", "\tif a {", "\t\tb()", "\t}", "}"}}
	for _, c := range []struct {
		code []string
		want bool
	}{
		{[]string{"if a {", "\tb()", "}"}, true},
		{[]string{"\tif a {", "\t\tb()", "\t}"}, true},
		{[]string{"func f() {", "\tif a {"}, true},
		{[]string{"if a {", "b()", "}"}, false},
		{[]string{"if a {", "\tc()", "}"}, false},
		{[]string{"b()", "b()"}, false},
	} {
		if compiled(c.code, in) != c.want {
			t.Errorf("%q: want %v", c.code, c.want)
		}
	}
}

// command matches a go command that may be preceded by settings of the
// environment.
var command = regexp.MustCompile(`^(?:\$ )?(?:sudo )?(?:[A-Z_]+=\S* )*go (run|test|doc) (.*)$`)

func TestCommandsOfTheGuidesNameWhatExists(t *testing.T) {
	tests := testNames(t)
	n := 0
	for _, f := range files(t, ".md") {
		blocks, _ := split(f, read(t, f))
		for _, b := range blocks {
			for i, l := range b.lines {
				m := command.FindStringSubmatch(strings.TrimSpace(l))
				if m == nil {
					continue
				}
				n++
				args, _, _ := strings.Cut(m[2], " #")
				for _, a := range strings.Fields(args) {
					if strings.HasPrefix(a, "./") || strings.HasPrefix(a, "../") {
						dir := strings.TrimSuffix(a, "/...")
						if !hasGo(dir, strings.HasSuffix(a, "...")) {
							t.Errorf("%s:%d: %s has no Go files", b.file, b.line+i, a)
						}
					}
					if name := strings.Trim(a, "'^$"); regexp.MustCompile(`^(Test|Fuzz|Benchmark)\w+$`).MatchString(name) && !tests[name] {
						t.Errorf("%s:%d: there is no %s", b.file, b.line+i, name)
					}
				}
			}
		}
	}
	if n == 0 {
		t.Error("no command found in any guide")
	}
}

// hasGo reports whether a folder of the repository, or one below it if deep,
// has Go files.
func hasGo(dir string, deep bool) bool {
	dir = filepath.Join(root, filepath.FromSlash(dir))
	if m, _ := filepath.Glob(filepath.Join(dir, "*.go")); len(m) > 0 {
		return true
	}
	found := false
	if deep {
		filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			found = found || err == nil && strings.HasSuffix(path, ".go")
			return nil
		})
	}
	return found
}
