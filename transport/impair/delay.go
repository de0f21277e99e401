// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Delay is how long packets take: Time, and a random part of the given
// distribution. It never changes the order of packets, unless Overtake is set:
// one that would overtake another arrives together with it.
type Delay struct {
	Time     time.Duration
	Jitter   time.Duration
	Shape    Distribution
	Overtake bool

	// Trace, if set, is added: the first packet takes the first of these
	// delays longer, and so on; after the last comes the first again.
	Trace []time.Duration
}

// A Distribution is the form of a random delay; J is [Delay].Jitter.
type Distribution uint8

// The distributions.
const (
	Uniform          Distribution = iota // evenly from 0 to J
	Normal                               // mean 0, standard deviation J; a delay that would be negative is 0
	Pareto                               // Lomax (Pareto of type II) with shape 3: mean J, standard deviation √3 J, a heavy tail
	ParetoNormal                         // a quarter of a Normal and three quarters of a Pareto, added
	numDistributions = iota
)

var distributionNames = [numDistributions]string{"uniform", "normal", "pareto", "paretonormal"}

// String returns the distribution's name.
func (d Distribution) String() string {
	if int(d) < len(distributionNames) {
		return distributionNames[d]
	}
	return fmt.Sprintf("distribution(%d)", uint8(d))
}

// String implements [Stage].
func (d Delay) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "delay %v", d.Time)
	if d.Jitter != 0 {
		fmt.Fprintf(&b, " jitter %v", d.Jitter)
	}
	if d.Shape != Uniform {
		fmt.Fprintf(&b, " %v", d.Shape)
	}
	if d.Overtake {
		b.WriteString(" overtake")
	}
	if len(d.Trace) > 0 {
		b.WriteString(" trace ")
		writeDurations(&b, d.Trace)
	}
	return b.String()
}

func (d Delay) check() string {
	if d.Shape >= numDistributions {
		return "there is no such distribution"
	}
	for _, t := range d.Trace {
		if s := checkDelay("a delay of the trace", t); s != "" {
			return s
		}
	}
	return first(checkDelay("the delay", d.Time), checkDelay("the jitter", d.Jitter))
}

func (d Delay) compile(c *compiler) runner {
	r := &delay{
		fault: c.fault(KindJitter), base: int64(d.Time), jitter: float64(d.Jitter), shape: d.Shape, overtake: d.Overtake,
	}
	for _, t := range d.Trace {
		r.trace = append(r.trace, int64(t))
	}
	return r
}

type delay struct {
	untimed
	fault
	base     int64
	jitter   float64
	shape    Distribution
	overtake bool
	trace    []int64
	last     int64 // when the last packet arrives
}

func (d *delay) reset() { d.last = 0 }

func (d *delay) pass(u *unit, c *core) verdict {
	at := addTime(u.at, d.base)
	if len(d.trace) > 0 {
		at = addTime(at, d.trace[u.number%uint64(len(d.trace))])
	}
	if d.jitter > 0 {
		if more := d.more(d.of(u), u.number); c.strikes(&d.fault, u, more, nil) {
			at = max(u.at, addSigned(at, more))
		}
	}
	switch {
	case d.overtake:
		u.late = true
	case !u.late:
		at = max(at, d.last)
		d.last = at
	}
	u.at = at
	return goOn
}

// addSigned adds a time and a duration.
func addSigned(at, d int64) int64 {
	if d < 0 {
		return at + d
	}
	return addTime(at, d)
}

// more returns the random part of a packet's delay.
func (d *delay) more(s stream, i uint64) int64 {
	switch d.shape {
	case Uniform:
		return int64(s.unit(i, 0) * (d.jitter + 1))
	case Normal:
		return int64(d.jitter * normal(s.unit(i, 0)))
	case Pareto:
		return limit(d.jitter * pareto(s.unit(i, 0)))
	default:
		return limit(d.jitter * (0.25*normal(s.unit(i, 0)) + 0.75*pareto(s.unit(i, 1))))
	}
}

// normal turns a uniform number from 0 to below 1 into one with the standard
// normal distribution, by the inverse of the distribution function. The least
// and the greatest that come of 53 bits are ±8.3.
func normal(u float64) float64 { return math.Sqrt2 * math.Erfinv(2*(u+0x1p-54)-1) }

// pareto turns a uniform number from 0 to below 1 into one with the Lomax
// distribution of shape 3 and mean 1: 1-F(x) = (1+x/2)^-3. The greatest that
// comes of 53 bits is 416128.
func pareto(u float64) float64 { return 2 * (1/math.Cbrt(1-u) - 1) }

// limit makes nanoseconds of a float, at most a year.
func limit(ns float64) int64 { return int64(min(ns, float64(maxDelay))) }
