// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"slices"
	"strings"
	"testing"
)

func TestAScheduleIsItsText(t *testing.T) {
	s := Schedule{
		{Link: "a:eth0-b:eth0", Number: 17, Kind: KindLoss},
		{Link: "a:eth0-b:eth0", Back: true, Number: 1<<64 - 1, Kind: KindDuplicate, Stage: 2},
		{Link: "x", Number: 3, Copy: 5, Kind: KindCorrupt},
		{Link: "x", Kind: KindReorder}, {Link: "x", Kind: KindJitter},
	}
	text := s.String()
	if want := "a:eth0-b:eth0 forth 17 loss\n"; !strings.HasPrefix(text, want) {
		t.Errorf("text begins %q, want %q", text[:len(want)], want)
	}
	got, err := ParseSchedule("# what struck\n\n" + text)
	if err != nil || !slices.Equal(got, s) {
		t.Errorf("read back %v, %v", got, err)
	}
}

func TestBadSchedulesAreRefusedWithTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"x forth 1":                        "3 words",
		"x forth 1 loss 0 0":               "6 words",
		"x sideways 1 loss":                "sideways",
		"x forth -1 loss":                  "-1",
		"x forth 1+0 loss":                 "copy",
		"x forth 1+65536 loss":             "copy",
		"x forth 1 flood":                  "flood",
		"x forth 1 loss 256":               "stage",
		"x back 18446744073709551616 loss": "18446744073709551616",
	} {
		_, err := ParseSchedule("# one\n" + text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: error %v, want one about line 2 with %q", text, err, want)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	f.Add("a:e-b:e forth 17+1 loss 3\n#\n\nx back 0 jitter")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := ParseSchedule(s.String())
		if err != nil || !slices.Equal(again, s) {
			t.Errorf("%q became %v, %v", s.String(), again, err)
		}
	})
}
