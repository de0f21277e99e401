// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"errors"
	"strings"
	"testing"

	"protean/proto/prototest"
)

func TestParseScriptSaysWhatIsWrongWithWhichLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"at 3s", `line 1: "at 3s": want: at TIME WHAT`},
		{"\n# nothing\nafter 3s heal", `line 3: "after 3s heal": want: at TIME WHAT`},
		{"at three heal", `"three" is no time, such as 3s or 1500ms`},
		{"at -1s heal", "the time is negative"},
		{"at 1s explode b", `there is no "explode"; there are down, up, partition`},
		{"at 1s heal a", "want: heal"},
		{"at 1s down", "want: down LINK"},
		{"at 1s down a-b c-d", "want: down LINK"},
		{"at 1s partition a", "want: partition NODE NODE"},
		{"at 1s partition a b c", "want: partition NODE NODE, or partition NODE... | NODE..."},
		{"at 1s partition a b |", "a side has no node"},
		{"at 1s partition a | b a", "a is named twice"},
		{"at 1s address a", "want: address NODE[:INTERFACE] ADDRESS/BITS"},
	} {
		_, err := prototest.ParseScript(c.text)
		var e *prototest.ScriptError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}

func FuzzParseScript(f *testing.F) {
	f.Add("at 3s partition a c\nat 5s heal # at last")
	f.Add("at 1s down a-b\nat 2s up a-b")
	f.Add("at 0s partition a b | c d | e")
	f.Add("at 1h2m crash b\nat 24h restart b\nat 25h address b:eth0 10.0.0.9/24")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := prototest.ParseScript(text)
		if err != nil {
			return
		}
		again, err := prototest.ParseScript(s.String())
		if err != nil || again.String() != s.String() || len(again) != len(s) {
			t.Errorf("%q is read as %q, and that as %q: %v", text, s, again, err)
		}
	})
}
