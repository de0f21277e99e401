// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = ".."

// files returns the paths below the repository, with slashes, of the files
// whose names end in ext, leaving out folders for tools.
func files(t *testing.T, ext string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (d.Name()[0] == '.' || d.Name() == "testdata"):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ext):
			rel, err := filepath.Rel(root, path)
			all = append(all, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d files *%s: %v", len(all), ext, err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// A block is the code between two fences of a markdown file, or, with an empty
// language, lines indented by four spaces or more.
type block struct {
	file  string
	line  int // of its first line of code, counted from 1
	lang  string
	lines []string
}

// split returns the blocks of code of a markdown file, and what is left of it.
func split(file, text string) (code []block, prose []string) {
	var open *block
	for i, l := range strings.Split(text, "\n") {
		fence := strings.HasPrefix(strings.TrimSpace(l), "```")
		switch {
		case open != nil && fence:
			code = append(code, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, l)
		case fence:
			open = &block{file: file, line: i + 2, lang: strings.TrimPrefix(strings.TrimSpace(l), "```")}
		case strings.HasPrefix(l, "    "):
			code = append(code, block{file, i + 1, "", []string{l}})
		default:
			prose = append(prose, l)
		}
	}
	if open != nil {
		open.lang = "not closed"
		code = append(code, *open)
	}
	return code, prose
}

// dedent takes away the indentation that all lines have, and spaces at the ends
// of lines.
func dedent(lines []string) string {
	common := -1
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimRight(l, " \t")
		if n := len(out[i]) - len(strings.TrimLeft(out[i], "\t ")); out[i] != "" && (common < 0 || n < common) {
			common = n
		}
	}
	for i, l := range out {
		out[i] = l[min(len(l), max(common, 0)):]
	}
	return strings.Join(out, "\n")
}
