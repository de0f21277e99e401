// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// examples are pipelines as they are written, and what they are.
func examples() map[string]Pipeline {
	return map[string]Pipeline{
		"delay 10ms jitter 2ms loss 1% gemodel 1% 10% rate 10mbit": {
			Delay{Time: 10 * time.Millisecond, Jitter: 2 * time.Millisecond}, Loss{P: 0.01},
			GEModel{P: 0.01, R: 0.1, LossBad: 1}, Rate{Bits: 10e6},
		},
		"delay 1s jitter 5ms pareto overtake trace 1ms,2ms": {Delay{
			Time: time.Second, Jitter: 5 * time.Millisecond, Shape: Pareto, Overtake: true, Trace: []time.Duration{1e6, 2e6},
		}},
		"delay 0s normal # a comment\n\tdelay 0s paretonormal delay 0s uniform": {Delay{Shape: Normal}, Delay{Shape: ParetoNormal}, Delay{}},
		"gemodel 25% gemodel 1% 2% 3% gemodel 0.1 0.2 0.3 0.4": {
			GEModel{P: 0.25, R: 0.75, LossBad: 1}, GEModel{P: 0.01, R: 0.02, LossBad: 0.03}, GEModel{0.1, 0.2, 0.3, 0.4},
		},
		"drop 1,5-7 drop every 10 burst 2 from 3 most 4": {
			Drop{Packets: []Range{{1, 1}, {5, 7}}}, Drop{Every: 10, Burst: 2, From: 3, Most: 4},
		},
		"duplicate 0.5% delay 1ms duplicate 1": {Duplicate{P: 0.005, Delay: time.Millisecond}, Duplicate{P: 1}},
		"reorder 1% distance 3 hold 1ms reorder every 5 hold 2ms": {
			Reorder{P: 0.01, Distance: 3, Hold: time.Millisecond}, Reorder{Every: 5, Hold: 2 * time.Millisecond},
		},
		"corrupt 1% corrupt 2% bits 3 header corrupt 3% anywhere": {
			Corrupt{P: 0.01}, Corrupt{P: 0.02, Bits: 3, Part: Header}, Corrupt{P: 0.03, Part: Anywhere},
		},
		"rate 1.5mbit burst 10kb limit 100p limit 1mb codel target 1ms interval 10ms ecn": {Rate{
			Bits: 1500000, Burst: 10240, Packets: 100, Bytes: 1 << 20, CoDel: &CoDel{Target: 1e6, Interval: 1e7, ECN: true},
		}},
		"rate trace 1ms,2ms codel": {Rate{Trace: []time.Duration{1e6, 2e6}, CoDel: &CoDel{}}},
		"mtu 1400 mtu 1300 refuse allow 1,6 dropfragments bleach ecn bleach dscp bleach tos cleardf ttl hops 3 ttl set 9": {
			MTU{Bytes: 1400}, MTU{Bytes: 1300, Refuse: true}, Allow{[]uint8{1, 6}}, DropFragments{}, Bleach{ECN: true},
			Bleach{DSCP: true}, Bleach{ECN: true, DSCP: true}, ClearDF{}, TTL{Hops: 3}, TTL{Set: 9},
		},
		"nat 192.0.2.1,192.0.2.2 timeout 30s masquerade 2001:db8::1 denat": {
			NAT{Outside: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}, Timeout: 30 * time.Second},
			Masquerade{Outside: netip.MustParseAddr("2001:db8::1")}, Denat{},
		},
		"": nil, " # nothing\n": nil,
	}
}

func TestAPipelineIsReadFromItsText(t *testing.T) {
	for text, want := range examples() {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, %v", text, got, err)
		}
		again, err := Parse(got.String())
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%q became %q, and that %#v, %v", text, got, again, err)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPredicatesAreFoundByName(t *testing.T) {
	mine := Predicate{Name: "mine", Match: func([]byte) bool { return true }}
	const text = "drop if mine drop if proto 7 drop if larger 9 drop if v4 drop if v6 most 1"
	p, err := Parse(text, mine)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.String(); got != "drop if mine drop if proto 7 drop if larger 9 drop if v4 drop most 1 if v6" {
		t.Errorf("text is %q", got)
	}
	if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "mine") {
		t.Errorf("without the predicate: %v", err)
	}
	for _, name := range []string{"", "two words", "proto 300", "drop,"} {
		if (Pipeline{Drop{Match: Predicate{Name: name, Match: mine.Match}}}).Validate() == nil {
			t.Errorf("a predicate may have the name %q", name)
		}
	}
}

func TestBadTextIsRefusedWithItsWord(t *testing.T) {
	for text, words := range map[string]string{
		"lose 1%":                   "word 1 lose neither a stage",
		"loss":                      "probability should follow",
		"loss x":                    "word 2 x loss",
		"loss 101%":                 "0% to 100%",
		"loss -1%":                  "0% to 100%",
		"loss NaN":                  "0% to 100%",
		"delay 10":                  "word 2 duration",
		"delay -10ms":               "negative",
		"delay 10000h":              "year",
		"loss 1% delay 1ms jitter":  "word 5 duration should follow",
		"delay 1ms trace 1ms,,2ms":  "duration",
		"rate 0mbit":                "not positive",
		"rate 10":                   "unit",
		"rate 10mbit limit 0p":      "100p",
		"rate 10mbit limit 0b":      "1b",
		"rate 10mbit target 5ms":    "word 3 target",
		"rate trace 2ms,1ms":        "back in time",
		"rate trace 0s":             "no time",
		"rate 99999999999tbit":      "unit",
		"mtu 67":                    "68",
		"allow 256":                 "protocol numbers",
		"bleach white":              "none of ecn",
		"ttl 3":                     "hops",
		"ttl hops 0":                "1 to 255",
		"nat 224.0.0.1":             "not an address to be outside",
		"nat 192.0.2.1,2001:db8::1": "both families",
		"nat 192.0.2.1,192.0.2.1":   "twice",
		"masquerade fe80::1%eth0":   "outside",
		"drop":                      "chooses no packets",
		"drop 5,3":                  "not in order",
		"drop 3-1":                  "not in order",
		"drop every 2 burst 3":      "longer than the period",
		"drop burst 3 most 1":       "without",
		"drop if":                   "predicate should follow",
		"reorder 1%":                "hold",
		"reorder 1% hold 1ms extra": "word 5 extra",
		"corrupt 1% bits 16":        "1 to 15",
		"gemodel 1% 200%":           "0% to 100%",
	} {
		_, err := Parse(text)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("%q: error %v", text, err)
			continue
		}
		for _, w := range strings.Split(words, "  ") {
			if !containsAll(err.Error(), w) {
				t.Errorf("%q: error %q does not say %q", text, err, words)
			}
		}
	}
}

// containsAll reports whether s contains the words of want in their order.
func containsAll(s, want string) bool {
	for _, w := range strings.Fields(want) {
		_, rest, ok := strings.Cut(s, w)
		if !ok {
			return false
		}
		s = rest
	}
	return true
}

func TestBadStagesAreRefused(t *testing.T) {
	many := make(Pipeline, maxStages+1)
	for i := range many {
		many[i] = Loss{}
	}
	for _, p := range []Pipeline{
		{nil}, {Loss{P: math.NaN()}}, {Loss{P: -0.1}}, {Loss{P: 1.1}}, {GEModel{R: 2}}, {Delay{Time: -1}}, {Delay{Jitter: -1}},
		{Delay{Shape: 9}}, {Delay{Trace: []time.Duration{-1}}}, {Duplicate{Delay: -1}}, {Reorder{P: 1, Distance: -1}},
		{Reorder{P: 1}}, {Reorder{P: 1, Every: 1, Hold: 1}}, {Corrupt{Bits: -1}}, {Corrupt{Part: 9}}, {Rate{}}, {Rate{Bits: -1}},
		{Rate{Bits: 1, Trace: []time.Duration{1}}}, {Rate{Bits: 1, Burst: -1}}, {Rate{Bits: 1, Packets: -1}}, {Rate{Bits: 1, CoDel: &CoDel{Target: -1}}},
		{MTU{}}, {Allow{}}, {Bleach{}}, {TTL{}}, {TTL{Hops: 1, Set: 1}}, {NAT{}}, {NAT{Outside: []netip.Addr{{}}}}, {Masquerade{}},
		{Duplicate{}, Duplicate{}, Duplicate{}, Duplicate{}, Duplicate{}}, many,
	} {
		err := p.Validate()
		var se *StageError
		if !errors.As(err, &se) || se.Number < 1 || se.Number > len(p) {
			t.Errorf("%v: error %v", p, err)
		}
		_, _, err = (&Link{}).Compile(nil, p)
		if !errors.As(err, &se) || !se.Back {
			t.Errorf("%v as the way back: error %v", p, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for text := range examples() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(p.String())
		if err != nil || again.String() != p.String() {
			t.Errorf("%q became %q, and that %q, %v", text, p, again, err)
		}
		for _, s := range p {
			if reason := s.check(); reason != "" {
				t.Errorf("%q: %s", text, reason)
			}
		}
	})
}
