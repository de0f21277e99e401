// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"math"
	"time"

	"protean/transport/internal/fifo"
)

// Reorder holds packets back, so that others overtake them: each with
// probability P, or every packet whose number, counted from 1, is a multiple of
// Every.
//
// Held for Hold, a packet is overtaken by what is sent in that time. With a
// Distance it is held until that many packets have overtaken it, but no longer
// than Hold, or [DefaultHold] if that is zero: there may be nothing behind it.
type Reorder struct {
	P        float64
	Every    uint64
	Hold     time.Duration
	Distance int
}

// DefaultHold is the longest time for which a packet is held that is to be
// overtaken by a number of others.
const DefaultHold = 100 * time.Millisecond

// String implements [Stage].
func (r Reorder) String() string {
	s := "reorder"
	if r.Every != 0 {
		s += fmt.Sprintf(" every %d", r.Every)
	} else {
		s += " " + percent(r.P)
	}
	if r.Distance != 0 {
		s += fmt.Sprintf(" distance %d", r.Distance)
	}
	if r.Hold != 0 {
		s += fmt.Sprintf(" hold %v", r.Hold)
	}
	return s
}

func (r Reorder) check() string {
	switch {
	case r.Every != 0 && r.P != 0:
		return "has both a probability and \"every\""
	case r.Distance < 0:
		return "the distance is negative"
	case r.Distance > math.MaxInt32:
		return "the distance is more than 2147483647"
	case r.Distance == 0 && r.Hold == 0:
		return "needs \"hold\" or \"distance\""
	}
	return first(checkChance("the probability", r.P), checkDelay("the time it is held", r.Hold))
}

func (r Reorder) compile(c *compiler) runner {
	base := reorder{fault: c.fault(KindReorder), Reorder: r}
	if r.Distance == 0 {
		return &holdBack{reorder: base}
	}
	if base.Hold == 0 {
		base.Hold = DefaultHold
	}
	return &distance{reorder: base}
}

type reorder struct {
	fault
	Reorder
}

// holds reports whether a packet is to be held back.
func (r *reorder) holds(u *unit, c *core) bool {
	struck := r.Every != 0 && (u.number+1)%r.Every == 0 || r.of(u).chance(r.P, u.number, 0)
	if !struck || !c.strikes(&r.fault, u, int64(r.Hold), nil) {
		return false
	}
	c.noted(Reordered)
	return true
}

// holdBack holds packets back for a time.
type holdBack struct {
	untimed
	reorder
}

func (r *holdBack) pass(u *unit, c *core) verdict {
	if r.holds(u, c) {
		u.at = addTime(u.at, int64(r.Hold))
		u.late = true
	}
	return goOn
}

// distance holds packets back until others have passed.
type distance struct {
	reorder
	passed uint64
	held   fifo.Queue[heldPacket]
}

type heldPacket struct {
	passed uint64 // let it go when so many have passed
	until  int64  // or then
}

func (r *distance) timed() bool { return true }
func (r *distance) reset()      { r.held = fifo.Queue[heldPacket]{} }

func (r *distance) pass(u *unit, c *core) verdict {
	if r.holds(u, c) {
		*r.held.Add() = heldPacket{r.passed + uint64(r.Distance), addTime(u.at, int64(r.Hold))}
		return keep
	}
	r.passed++
	return goOn
}

func (r *distance) due(int64) int64 { return r.held.At(0).until }

func (r *distance) decide(u *unit, c *core, _ bool) verdict {
	h := r.held.At(0)
	if r.passed < h.passed && c.now < h.until {
		return keep
	}
	r.held.Drop()
	return goOn
}
