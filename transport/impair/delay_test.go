// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"math"
	"slices"
	"testing"
	"time"
)

// delays returns the delays in milliseconds of packets that do not meet.
func delays(t *testing.T, pipeline string, n int) (ms []float64) {
	t.Helper()
	l := newLab(t, nil, pipeline, "")
	all := l.stream(n, time.Hour)
	if len(all) != n {
		t.Fatalf("%d of %d packets arrived", len(all), n)
	}
	for i := range all {
		ms = append(ms, float64(all[i].took())/1e6)
	}
	return ms
}

func normalCDF(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// lomaxCDF is of shape 3 and mean 1.
func lomaxCDF(x float64) float64 { return 1 - math.Pow(1+x/2, -3) }

func TestDelaysHaveTheirDistribution(t *testing.T) {
	const n = 20000
	for pipeline, cdf := range map[string]func(ms float64) float64{
		"delay 10ms jitter 4ms":                 func(x float64) float64 { return (x - 10) / 4 },
		"delay 100ms jitter 4ms normal":         func(x float64) float64 { return normalCDF((x - 100) / 4) },
		"delay 10ms jitter 4ms pareto":          func(x float64) float64 { return lomaxCDF((x - 10) / 4) },
		"delay 10ms jitter 4ms overtake":        func(x float64) float64 { return (x - 10) / 4 },
		"delay 10ms jitter 4ms pareto overtake": func(x float64) float64 { return lomaxCDF((x - 10) / 4) },
	} {
		fits(t, pipeline, delays(t, pipeline, n), cdf)
	}
}

// TestParetoNormalIsTheSumOfItsParts: there is no closed form of the
// distribution; its mean and variance are sums. The bound is five standard
// deviations of a mean of n samples; that of the variance cannot be had so,
// since the fourth moment of a Lomax distribution of shape 3 is infinite.
func TestParetoNormalIsTheSumOfItsParts(t *testing.T) {
	const n = 50000
	ms := delays(t, "delay 100ms jitter 4ms paretonormal", n)
	var sum float64
	for _, x := range ms {
		sum += x
	}
	mean := sum / n
	dev := 4 * math.Sqrt(0.25*0.25+0.75*0.75*3) // the variance of a Lomax of shape 3 and mean 1 is 3
	if want := 100 + 0.75*4.0; math.Abs(mean-want) > 5*dev/math.Sqrt(n) {
		t.Errorf("mean %v, want %v ± %v", mean, want, 5*dev/math.Sqrt(n))
	}
	// Below the delay there are only those whose normal part outweighs the
	// other: P(0.25 N + 0.75 L < 0) = ∫ f_L(x) Φ(-3x) dx, by Simpson's rule.
	var p float64
	const steps, end = 20000, 5.0
	for i := range steps + 1 {
		x := end * float64(i) / steps
		w := []float64{2, 4}[i%2]
		if i == 0 || i == steps {
			w = 1
		}
		p += w * 1.5 * math.Pow(1+x/2, -4) * normalCDF(-3*x)
	}
	p *= end / steps / 3
	below := 0
	for _, x := range ms {
		if x < 100 {
			below++
		}
	}
	within(t, "below the delay", below, n, p)
}

func TestANormalDelayIsNeverNegative(t *testing.T) {
	const n = 20000
	zero := 0
	for _, x := range delays(t, "delay 1ms jitter 1ms normal", n) {
		if x < 0 {
			t.Fatalf("a delay of %v ms", x)
		}
		if x == 0 {
			zero++
		}
	}
	within(t, "delays of 0", zero, n, normalCDF(-1))
}

func TestJitterKeepsTheOrderUnlessItMayOvertake(t *testing.T) {
	for pipeline, want := range map[string]bool{
		"delay 10ms jitter 8ms":                 true,
		"delay 10ms jitter 8ms pareto":          true,
		"delay 20ms jitter 8ms normal":          true,
		"delay 10ms jitter 8ms overtake":        false,
		"delay 20ms jitter 8ms normal overtake": false,
	} {
		l := newLab(t, nil, pipeline, "")
		all := l.stream(2000, time.Millisecond)
		if got := slices.IsSortedFunc(all, func(a, b arrived) int { return a.meta - b.meta }); got != want {
			t.Errorf("%s: in order: %v", pipeline, got)
		}
		if !slices.IsSortedFunc(all, func(a, b arrived) int { return int(a.at - b.at) }) {
			t.Errorf("%s: time goes back", pipeline)
		}
	}
}

func TestADelayTraceIsFollowed(t *testing.T) {
	l := newLab(t, nil, "delay 10ms trace 0s,5ms,1ms", "")
	for i, a := range l.stream(10, time.Second) {
		if want := []time.Duration{10, 15, 11}[i%3] * time.Millisecond; a.took() != want {
			t.Errorf("packet %d took %v, want %v", i, a.took(), want)
		}
	}
}
