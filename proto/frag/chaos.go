// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import "math/rand/v2"

// A Chaos is a Splitter for tests of receivers: what it cuts is sent out of
// order, in part, more than once, or wrong. Each number is the probability, from
// 0 to 1, that it happens to a fragment. The zero numbers change nothing.
//
// A packet that fits the MTU comes out as it is.
type Chaos struct {
	Splitter

	// Rand decides; it must be set.
	Rand *rand.Rand

	Reverse bool // last fragment first
	Shuffle bool // in any order

	Drop      float64 // it is left out
	Duplicate float64 // it comes a second time
	Overlap   float64 // a second one comes that reaches eight bytes further at both ends
	OddLength float64 // it lacks one to seven bytes at its end
	WrongLast float64 // its more fragments flag is the wrong one

	// Garble inverts the data of the second one of Duplicate and Overlap, so
	// that the receiver's result shows which it took.
	Garble bool

	plan  []chaosPiece
	at    int
	bytes []byte
}

type chaosPiece struct {
	off, n int
	more   bool
	garble bool
}

// Split is Splitter.Split. It decides what will happen.
func (c *Chaos) Split(packet []byte, mtu int, id uint32, sc SplitConfig) error {
	c.plan, c.at = c.plan[:0], 0
	if err := c.Splitter.Split(packet, mtu, id, sc); err != nil || c.single {
		return err
	}
	total := len(c.data)
	for c.Splitter.Next() {
		n := len(c.payload)
		c.add(chaosPiece{off: c.pos - n, n: n, more: c.more || c.pos < total}, total)
	}
	switch {
	case c.Shuffle:
		c.Rand.Shuffle(len(c.plan), func(i, j int) { c.plan[i], c.plan[j] = c.plan[j], c.plan[i] })
	case c.Reverse:
		for i, j := 0, len(c.plan)-1; i < j; i, j = i+1, j-1 {
			c.plan[i], c.plan[j] = c.plan[j], c.plan[i]
		}
	}
	return nil
}

func (c *Chaos) add(p chaosPiece, total int) {
	second := p
	if c.happens(c.OddLength) && p.n > 7 {
		p.n -= 1 + c.Rand.IntN(7)
	}
	if c.happens(c.WrongLast) {
		p.more = !p.more
	}
	if !c.happens(c.Drop) {
		c.plan = append(c.plan, p)
	}
	second.garble = c.Garble
	if c.happens(c.Duplicate) {
		c.plan = append(c.plan, second)
	}
	if c.happens(c.Overlap) {
		from, to := max(0, second.off-8), min(total, second.off+second.n+8)
		second.off, second.n, second.more = from, to-from, c.more || to < total
		c.plan = append(c.plan, second)
	}
}

func (c *Chaos) happens(p float64) bool { return p > 0 && c.Rand.Float64() < p }

// Num returns the number of fragments, those that were taken included.
func (c *Chaos) Num() int {
	if c.single {
		return 1
	}
	return len(c.plan)
}

// Next goes to the next fragment and reports whether there is one.
func (c *Chaos) Next() bool {
	if c.single {
		return c.Splitter.Next()
	}
	if c.at >= len(c.plan) {
		return false
	}
	p := c.plan[c.at]
	c.at++
	c.piece(p.off, p.n, p.more)
	if p.garble {
		c.bytes = append(c.bytes[:0], c.payload...)
		for i := range c.bytes {
			c.bytes[i] ^= 0xff
		}
		c.payload = c.bytes
	}
	return true
}
