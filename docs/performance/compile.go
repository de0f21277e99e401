// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed c
var sources embed.FS

// compile builds the reference programs in a folder.
func compile(dir string) error {
	cc, err := exec.LookPath("cc")
	if err != nil {
		return fmt.Errorf("a C compiler is needed for the reference programs (Debian: apt-get install gcc libc6-dev): %w", err)
	}
	files, err := sources.ReadDir("c")
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := sources.ReadFile("c/" + f.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name()), text, 0o644); err != nil {
			return err
		}
	}
	for _, f := range files {
		name, isC := strings.CutSuffix(f.Name(), ".c")
		if !isC {
			continue
		}
		cmd := exec.Command(cc, "-O2", "-Wall", "-o", name, f.Name())
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", f.Name(), err, text)
		}
	}
	return nil
}
