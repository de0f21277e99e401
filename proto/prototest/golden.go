// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Golden compares the trace with what a file says, and fails tb if it differs:
// that what a protocol does on the wire has changed is to be seen, and meant.
// With PROTEAN_UPDATE set, or the option -prototest.update, the file is written
// instead. Its folder is made if need be; "testdata" is the usual one.
func (t *Trace) Golden(tb testing.TB, path string) {
	tb.Helper()
	got := t.String()
	if updating() {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			tb.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		tb.Fatalf("%v; %s=1 %s writes it", err, envUpdate, command(tb.Name()))
	}
	if err != nil {
		tb.Fatal(err)
	}
	want := strings.ReplaceAll(string(b), "\r\n", "\n")
	if got == want {
		return
	}
	tb.Errorf("the trace is not that of %s; if that is meant, %s=1 %s writes it anew:\n%s",
		path, envUpdate, command(tb.Name()), firstDifference(want, got))
}

// firstDifference shows where two texts begin to differ, with the lines before.
func firstDifference(want, got string) string {
	x, y := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(x) && i < len(y) && x[i] == y[i] {
		i++
	}
	var b strings.Builder
	const around = 3
	for j := max(0, i-around); j < i; j++ {
		fmt.Fprintf(&b, "%6d   %s\n", j+1, x[j])
	}
	for j := i; j < min(i+around, len(x)); j++ {
		fmt.Fprintf(&b, "%6d - %s\n", j+1, x[j])
	}
	for j := i; j < min(i+around, len(y)); j++ {
		fmt.Fprintf(&b, "%6d + %s\n", j+1, y[j])
	}
	return b.String()
}
