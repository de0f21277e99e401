// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"strings"
	"time"
)

// A Stage is one thing that happens to packets: one of the types of this
// package, as a value.
type Stage interface {
	// String returns the stage as text, for [Parse].
	String() string

	check() (reason string)     // what is wrong with it, "" if nothing is
	compile(c *compiler) runner // called once, if nothing is
}

// A Pipeline is what happens to the packets of one direction, in this order.
type Pipeline []Stage

// String returns the pipeline as text, for [Parse].
func (p Pipeline) String() string {
	words := make([]string, len(p))
	for i, s := range p {
		words[i] = s.String()
	}
	return strings.Join(words, " ")
}

// Validate returns a *[StageError] if the pipeline cannot be compiled as one
// direction of a link, translators of addresses apart, which need both.
func (p Pipeline) Validate() error {
	c := compiler{link: &Link{}}
	return c.compile(p)
}

// A runner is a stage at work.
type runner interface {
	// pass lets a packet through, at the time u.at, which it may put later.
	pass(u *unit, c *core) verdict

	// timed reports whether it has to see packets when they are there, in the
	// order of time. The others may see them ahead of it, which saves an event.
	timed() bool

	// reset forgets the packets it knows of: the pipe was cleared.
	reset()
}

// untimed is the base of a stage that looks at each packet by itself.
type untimed struct{}

func (untimed) timed() bool { return false }
func (untimed) reset()      {}

// A verdict says how a packet goes on.
type verdict uint8

const (
	goOn   verdict = iota
	gone           // core.fate tells why
	double         // and its copy core.branch follows, core.delay later
	keep           // the stage is a holder, and keeps it
)

// A unit is a packet under way.
type unit struct {
	at     int64 // when it is where it is
	number uint64
	data   []byte
	struck uint64 // by which of the program's chains
	copies uint16 // which copy it is: the set of the duplicating stages that made one
	next   uint8  // the stage that has it next
	own    bool   // data may be written to
	lent   bool   // data is that of the caller of Push, unless the packet is kept
	late   bool   // it was held back: what is behind it may overtake it
}

// core is what stages see of the pipe they are in.
type core struct {
	link   string
	back   bool
	hooked bool
	hook   Hook
	memory memory

	now    int64
	sent   int64  // when the packet that is pushed has left the first queue
	queued bool   // it has come to that queue
	fate   Fate   // with gone
	events uint16 // set of Fates that befell the packet in this stage
	delay  int64  // with double
	branch uint8  // with double
	bits   [maxFlips]int
}

// noted notes what befell a packet that goes on.
func (c *core) noted(f Fate) { c.events |= 1 << f }

// memory is where packets are kept.
type memory interface {
	Get(n int) []byte
	Put(b []byte)
}

// strikes asks whether a fault may strike, and records it if so.
func (c *core) strikes(f *fault, u *unit, delay int64, flipped []int) bool {
	return !c.hooked || c.hook.Strike(Fault{
		ID:   ID{Link: c.link, Back: c.back, Number: u.number, Copy: u.copies, Kind: f.kind, Stage: f.stage},
		Time: u.at, Delay: time.Duration(delay), Flipped: flipped,
	})
}

// drop is the verdict on a packet that is gone.
func (c *core) drop(f Fate) verdict {
	c.fate = f
	return gone
}

// writable makes u's bytes writable.
func (c *core) writable(u *unit) {
	if u.own {
		return
	}
	b := c.memory.Get(len(u.data))
	copy(b, u.data)
	u.data, u.own = b, true
}

// addTime adds a time and a duration that is not negative; times that cannot
// be told are the end of time.
func addTime(at, d int64) int64 {
	const end = 1<<63 - 1
	if at > end-d {
		return end
	}
	return at + d
}

// checkDelay returns what is wrong with a duration.
func checkDelay(name string, d time.Duration) string {
	switch {
	case d < 0:
		return name + " is negative"
	case d > maxDelay:
		return name + " is more than a year"
	}
	return ""
}

// checkChance returns what is wrong with a probability.
func checkChance(name string, p float64) string {
	if p >= 0 && p <= 1 { // not if it is no number
		return ""
	}
	return name + " is not in 0 to 1"
}

const maxDelay = 366 * 24 * time.Hour

// first returns the first string that is not empty.
func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
