// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "protean"

// goPackage is what go list tells of a package.
type goPackage struct {
	ImportPath string
	Dir        string
	Name       string
	Standard   bool
	Imports    []string
	Deps       []string
	CgoFiles   []string
}

// list returns the project's packages and all they depend on, as built for
// Linux, by import path.
func list(t *testing.T) map[string]*goPackage {
	t.Helper()
	// By folder, and without asking for modules: that needs no network, which
	// the namespace that this may run in does not have.
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Name,Standard,Imports,Deps,CgoFiles", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]*goPackage{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		p := new(goPackage)
		if err := d.Decode(p); err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
	return all
}

func ours(p *goPackage) bool { return strings.HasPrefix(p.ImportPath, module+"/") }

// under reports whether a package lies in one of the folders.
func under(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool {
		f = module + "/" + f
		return path == f || strings.HasPrefix(path, f+"/")
	})
}

// mayDepend lists, for the packages at the bottom, all that they may depend on
// beside the standard library.
var mayDepend = map[string][]string{
	"ring":           {"golang.org/x/sys/", module + "/ring/sysmon"},
	"ring/sysmon":    {"golang.org/x/sys/"},
	"proto/checksum": {},
	"proto/wire":     {module + "/proto/checksum"},
	"proto/frag":     {module + "/proto/wire", module + "/proto/checksum"},
	"transport":      {module + "/proto/wire", module + "/proto/checksum"},
	"proto":          {module + "/transport", module + "/proto/frag", module + "/proto/wire", module + "/proto/checksum"},
}

// gopacketMayBeIn lists the packages at the edges that may import gopacket,
// whose initialisation costs milliseconds.
var gopacketMayBeIn = []string{"proto/layers", "proto/prototest", "transport/pcapfile", "demo"}

func TestImportDirection(t *testing.T) {
	all := list(t)
	for folder, allowed := range mayDepend {
		p := all[module+"/"+folder]
		if p == nil {
			continue // not built yet
		}
		for _, d := range p.Deps {
			q := all[d]
			if q == nil || q.Standard || slices.ContainsFunc(allowed, func(a string) bool {
				return d == a || strings.HasSuffix(a, "/") && strings.HasPrefix(d, a)
			}) {
				continue
			}
			t.Errorf("%s depends on %s", folder, d)
		}
	}
	for path, p := range all {
		if !ours(p) {
			continue
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo", path)
		}
		for _, imp := range p.Imports {
			switch {
			case under(imp, "demo") && !under(path, "demo"):
				t.Errorf("%s imports %s: nothing but the demos does", path, imp)
			case imp == module+"/proto" && under(path, "transport", "ring"):
				t.Errorf("%s imports %s: a transport knows nothing of what runs over it", path, imp)
			case strings.Contains(imp, "google/gopacket") && !under(path, gopacketMayBeIn...):
				t.Errorf("%s imports %s: gopacket stays at the edges", path, imp)
			}
		}
	}
}

// goFiles calls f with each Go file of the project.
func goFiles(t *testing.T, f func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f(filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))), string(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSystemCallsStayInLinuxFiles(t *testing.T) {
	goFiles(t, func(path, text string) {
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			return
		}
		// The harness runs on Linux alone.
		if strings.HasPrefix(path, "ring/") || strings.HasPrefix(path, "docs/performance/") || !slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool {
			return i.Path.Value == `"golang.org/x/sys/unix"`
		}) {
			return
		}
		if !strings.HasSuffix(path, "_linux.go") && !strings.HasSuffix(path, "_linux_test.go") {
			t.Errorf("%s imports x/sys/unix and is built everywhere", path)
		}
	})
}

func TestFilesAreSmallAndSayWhoseTheyAre(t *testing.T) {
	const most = 500
	var lengths []int
	goFiles(t, func(path, text string) {
		n := strings.Count(text, "\n")
		lengths = append(lengths, n)
		if n > most {
			t.Errorf("%s has %d lines; one concern fits %d", path, n, most)
		}
		if !strings.HasPrefix(text, "// Copyright The Protean Authors.") {
			t.Errorf("%s does not say whose it is", path)
		}
	})
	slices.Sort(lengths)
	if m := lengths[len(lengths)/2]; m > 150 {
		t.Errorf("half of the files have more than %d lines; 150 is the aim", m)
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	for path, p := range list(t) {
		if !ours(p) || p.Name == "main" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(p.Dir, "doc.go"))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if !strings.Contains(string(b), "// Package "+p.Name+" ") {
			t.Errorf("%s: doc.go has no package comment", path)
		}
	}
}
