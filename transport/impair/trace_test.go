// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTracesAreRead(t *testing.T) {
	d, err := ReadDelays(strings.NewReader("# from a ping\n1ms\n\n 2.5ms \r\n0s"))
	if err != nil || !slices.Equal(d, []time.Duration{1e6, 2500e3, 0}) {
		t.Errorf("delays %v, %v", d, err)
	}
	o, err := ReadOpportunities(strings.NewReader("0\n0\n5\n10\n"))
	if err != nil || !slices.Equal(o, []time.Duration{0, 0, 5e6, 10e6}) {
		t.Errorf("opportunities %v, %v", o, err)
	}
	// Two opportunities at 0, one at 5, one at 10, which is also 0 of the next
	// round: three packets there.
	l := newLab(t, nil, "", "")
	f, _, err := (&Link{}).Compile(Pipeline{Rate{Trace: o}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.pipes[0].Set(f)
	var at []int64
	for _, a := range burst(l, 8, 1500) {
		at = append(at, a.at/1e6)
	}
	if !slices.Equal(at, []int64{0, 0, 5, 10, 10, 10, 15, 20}) {
		t.Errorf("packets at %v ms", at)
	}
}

func TestBadTracesAreRefusedWithTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"1ms\n2":                   "line 2",
		"1ms\n-2ms":                "negative",
		"":                         "no times",
		"# 1ms":                    "no times",
		strings.Repeat("1", 70000): "token too long",
	} {
		if _, err := ReadDelays(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: error %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"1\n2.5": "line 2", "1\n-2": "line 2", "5\n3": "back in time", "0\n0": "no time", "99999999999999999999": "line 1",
	} {
		if _, err := ReadOpportunities(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzReadOpportunities(f *testing.F) {
	f.Add("0\n5\n5\n9")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ReadOpportunities(strings.NewReader(text))
		if err != nil {
			return
		}
		l := line{trace: all}
		l.reset()
		now := int64(0)
		for i := range 50 {
			at := l.take(i*100, l.start(i*100, now))
			if at < now {
				t.Fatalf("%q: packet %d leaves at %d, before %d", text, i, at, now)
			}
			if i%5 == 0 {
				now = at + int64(i)*1e6
			}
		}
	})
}
