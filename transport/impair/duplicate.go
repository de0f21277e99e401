// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"time"
)

// Duplicate makes a copy of a packet with probability P. The copy goes through
// the stages behind this one by itself, right behind the original or Delay
// later.
type Duplicate struct {
	P     float64
	Delay time.Duration
}

// String implements [Stage].
func (d Duplicate) String() string {
	s := "duplicate " + percent(d.P)
	if d.Delay != 0 {
		s += fmt.Sprintf(" delay %v", d.Delay)
	}
	return s
}

func (d Duplicate) check() string {
	return first(checkChance("the probability", d.P), checkDelay("the delay", d.Delay))
}

func (d Duplicate) compile(c *compiler) runner {
	return &duplicate{fault: c.fault(KindDuplicate), Duplicate: d}
}

type duplicate struct {
	untimed
	fault
	Duplicate
}

func (d *duplicate) pass(u *unit, c *core) verdict {
	if d.of(u).chance(d.P, u.number, 0) && c.strikes(&d.fault, u, int64(d.Delay), nil) {
		c.delay, c.branch = int64(d.Delay), d.stage
		return double
	}
	return goOn
}
