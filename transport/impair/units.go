// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// percent returns a probability as text: in per cent if that reads back the
// same, else as a fraction.
func percent(p float64) string {
	s := strconv.FormatFloat(p*100, 'g', -1, 64) + "%"
	if q, err := parseChance(s); err == nil && q == p {
		return s
	}
	return strconv.FormatFloat(p, 'g', -1, 64)
}

// parseChance reads a probability: "1%" or "0.01".
func parseChance(s string) (float64, error) {
	number, isPercent := strings.CutSuffix(s, "%")
	p, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, errors.New("is not a probability such as 1% or 0.01")
	}
	if isPercent {
		p /= 100
	}
	if !(p >= 0 && p <= 1) {
		return 0, errors.New("is not in 0% to 100%")
	}
	return p + 0, nil // no negative zero
}

// A scale is units by name, the largest first.
type scale []struct {
	name string
	n    int64
}

func bitUnits() scale {
	return scale{{"tbit", 1e12}, {"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}
}

// byteUnits are those of tc(8).
func byteUnits() scale { return scale{{"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10}, {"b", 1}} }

// text returns n in the largest unit that gives a whole number.
func (u scale) text(n int64) string {
	for _, x := range u {
		if n%x.n == 0 && (n != 0 || x.n == 1) {
			return strconv.FormatInt(n/x.n, 10) + x.name
		}
	}
	return "" // not reached: the last unit is 1
}

// parse reads a number with a unit.
func (u scale) parse(s string) (int64, error) {
	for _, x := range u {
		number, ok := strings.CutSuffix(s, x.name)
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 && n <= math.MaxInt64/x.n {
			return n * x.n, nil
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || !(f >= 0 && f*float64(x.n) < 1<<62) {
			break
		}
		return int64(f * float64(x.n)), nil
	}
	names := make([]string, len(u))
	for i, x := range u {
		names[len(u)-1-i] = x.name
	}
	return 0, fmt.Errorf("is not a number with a unit (%s)", strings.Join(names, ", "))
}

func bitsText(n int64) string { return bitUnits().text(n) }
func bytesText(n int) string  { return byteUnits().text(int64(n)) }

func writeDurations(b *strings.Builder, all []time.Duration) {
	for i, d := range all {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(d.String())
	}
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, errors.New("is not a duration such as 10ms")
	case d < 0:
		return 0, errors.New("is negative")
	case d > maxDelay:
		return 0, errors.New("is more than a year")
	}
	return d, nil
}

func parseDurations(s string) (all []time.Duration, err error) {
	for _, w := range strings.Split(s, ",") {
		d, err := parseDuration(w)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// isName reports whether s can be the name of a predicate.
func isName(s string) bool {
	if s == "" {
		return false
	}
	p := parser{words: strings.Fields(s)}
	if _, err := p.predicate(); err == nil && p.done() && strings.Join(strings.Fields(s), " ") == s {
		return true
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x80 || !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.')
	})
}
