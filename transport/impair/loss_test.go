// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"math"
	"slices"
	"testing"
	"time"
)

// lost returns which packets of a stream did not arrive.
func lost(t *testing.T, l *lab, n int) []bool {
	t.Helper()
	gone := slices.Repeat([]bool{true}, n)
	for _, a := range l.stream(n, time.Microsecond) {
		gone[a.meta] = false
	}
	return gone
}

func count(all []bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

func TestLossHasItsProbabilityAndNoPattern(t *testing.T) {
	const n = 50000
	for text, p := range map[string]float64{"loss 0%": 0, "loss 0.1%": 0.001, "loss 10%": 0.1, "loss 50%": 0.5, "loss 100%": 1} {
		gone := lost(t, newLab(t, nil, text, ""), n)
		within(t, text, count(gone), n, p)
		pairs := 0
		for i := range n - 1 {
			if gone[i] && gone[i+1] {
				pairs++
			}
		}
		within(t, text+", two in a row", pairs, n-1, p*p)
	}
}

// TestGilbertElliottIsItsMarkovChain compares with the formulas of the model
// (see tc-netem(8)): the share of bad times P/(P+R), the loss that follows from
// it, and geometric lengths of losses in a row, for bursts of mean 1/R. Losses
// are not independent: the variance of their share is that of independent ones
// times (1+λ)/(1-λ) at most, where λ = 1-P-R is by how much a state outlasts a
// packet.
func TestGilbertElliottIsItsMarkovChain(t *testing.T) {
	const n = 200000
	for _, c := range []struct {
		text            string
		p, r, bad, good float64
	}{
		{"gemodel 1% 10%", 0.01, 0.1, 1, 0},
		{"gemodel 5% 50% 70% 0.1%", 0.05, 0.5, 0.7, 0.001},
		{"gemodel 20%", 0.2, 0.8, 1, 0},
		{"gemodel 0.5% 2% 40% 3%", 0.005, 0.02, 0.4, 0.03},
	} {
		gone := lost(t, newLab(t, nil, c.text, ""), n)
		share := c.p / (c.p + c.r)
		mean := share*c.bad + (1-share)*c.good
		lambda := 1 - c.p - c.r
		dev := math.Sqrt(mean * (1 - mean) * (1 + lambda) / (1 - lambda) / n)
		if got := float64(count(gone)) / n; math.Abs(got-mean) > 5*dev {
			t.Errorf("%s: loss %v, want %v ± %v", c.text, got, mean, 5*dev)
		}
		if c.bad != 1 || c.good != 0 {
			continue
		}
		// The lengths of bursts are geometric: each ends with probability R.
		bursts, longer := 0, 0
		for i := 1; i < n; i++ {
			if gone[i-1] {
				bursts++
				if gone[i] {
					longer++
				}
			}
		}
		within(t, c.text+", another loss after a loss", longer, bursts, 1-c.r)
	}
}

func TestAGilbertElliottChainDoesNotDependOnOtherStages(t *testing.T) {
	const n = 20000
	alone := lost(t, newLab(t, nil, "gemodel 2% 20%", ""), n)
	for _, text := range []string{"loss 30% gemodel 2% 20%", "gemodel 2% 20% loss 30%", "delay 1ms jitter 1ms overtake loss 30% gemodel 2% 20%"} {
		l := newLab(t, nil, "loss 30%", "")
		other := lost(t, l, n)
		for i, gone := range lost(t, newLab(t, nil, text, ""), n) {
			if gone != (alone[i] || other[i]) {
				t.Fatalf("%s: packet %d is lost: %v; alone %v, by the other %v", text, i, gone, alone[i], other[i])
			}
		}
	}
}

func TestChosenPacketsAreDropped(t *testing.T) {
	isThird := Predicate{Name: "third", Match: func(b []byte) bool { return len(b) == 100 }}
	for text, want := range map[string][]int{
		"drop 3":                              {3},
		"drop 0,2-4,9":                        {0, 2, 3, 4, 9},
		"drop every 4":                        {0, 4, 8},
		"drop every 5 burst 2 from 1":         {1, 2, 6, 7},
		"drop if proto 253 most 2":            {0, 1},
		"drop if proto 252":                   nil,
		"drop if larger 99 every 5":           {0, 5},
		"drop if larger 100":                  nil,
		"drop if v4 5-7":                      nil, // numbers come first
		"drop 5-7 if v4":                      {5, 6, 7},
		"drop 5-7 if v6":                      nil,
		"drop if third most 1 every 3 from 1": {1},
		"loss 100% drop 3":                    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
	} {
		p, err := Parse(text, isThird)
		if err != nil {
			if want != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		f, b, err := (&Link{}).Compile(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		l := &lab{tb: t}
		l.pipes = [2]*Pipe[int]{NewPipe[int](side{l, 0}, f, &l.seq), NewPipe[int](side{l, 1}, b, &l.seq)}
		var got []int
		for i, gone := range lost(t, l, 10) {
			if gone {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: dropped %v, want %v", text, got, want)
		}
	}
}
