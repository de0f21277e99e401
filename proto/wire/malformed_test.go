// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"errors"
	"strings"
	"testing"

	"protean/proto/wire"
)

func TestEveryReasonHasItsOwnText(t *testing.T) {
	seen := make(map[string]wire.Malformed)
	for m := range wire.NumMalformed {
		text := m.Error()
		if strings.HasPrefix(text, "unknown") {
			t.Errorf("reason %d has no text", m)
		}
		if text != m.String() {
			t.Errorf("reason %d: Error %q, String %q", m, text, m.String())
		}
		if other, dup := seen[text]; dup {
			t.Errorf("reasons %d and %d are both %q", other, m, text)
		}
		seen[text] = m
	}
	if got := wire.NumMalformed.Error(); got != "unknown reason" {
		t.Errorf("a value that is no reason says %q", got)
	}
}

func TestErrOfMalformed(t *testing.T) {
	if err := wire.NotMalformed.Err(); err != nil {
		t.Errorf("NotMalformed.Err() = %v", err)
	}
	if err := wire.BadChecksum.Err(); !errors.Is(err, wire.BadChecksum) || errors.Is(err, wire.TooShort) {
		t.Errorf("BadChecksum.Err() = %v", err)
	}
	var sink error
	if n := testing.AllocsPerRun(100, func() { sink = wire.Truncated.Err() }); n != 0 {
		t.Errorf("Err allocates %v times (%v)", n, sink)
	}
}

func TestEveryBuildErrorHasItsOwnText(t *testing.T) {
	seen := make(map[string]bool)
	for e := wire.ErrShortBuffer; e <= wire.ErrField; e++ {
		text := e.Error()
		if seen[text] || !strings.HasPrefix(text, "wire: ") || strings.Contains(text, "unknown") {
			t.Errorf("build error %d says %q", e, text)
		}
		seen[text] = true
	}
	if got := wire.BuildError(0).Error(); got != "wire: unknown build error" {
		t.Errorf("no build error says %q", got)
	}
}
