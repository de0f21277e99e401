// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"runtime"
	"testing"
)

func TestCodeOfAFunctionIsAllOfItAndNothingElse(t *testing.T) {
	for _, c := range append(callbackCode[:], runnerCode[:]...) {
		if c.to-c.from < 16 {
			t.Fatalf("a function of %d bytes", c.to-c.from)
		}
		for pc := c.from; pc <= c.to; pc++ {
			if in := runtime.FuncForPC(pc).Entry() == c.from; in != (pc < c.to) {
				t.Fatalf("byte %d of %d: within is %v", pc-c.from, c.to-c.from, in)
			}
		}
	}
}
