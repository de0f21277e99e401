// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"slices"
	"time"
)

// A line sends packets, one after the other.
type line struct {
	bits  int64
	burst int
	trace []time.Duration

	busy int64 // until when it sends what it has taken

	// Token bucket: when the bucket would be empty if it had no bottom and no
	// brim.
	empty int64

	// Trace.
	begun bool
	epoch int64 // when the first period began
	index int64 // of the opportunity in use, counted from the epoch
	room  int   // bytes left of it
}

const never = -1 << 62

func (l *line) reset() {
	l.busy, l.empty, l.begun = never, never, false
}

// carries reports whether a packet of this size can ever be sent.
func (l *line) carries(size int) bool { return l.burst == 0 || size <= l.burst }

// cost is how long the bits of a packet take, rounded up: at most 5.3e14 for
// 65575 bytes at one bit per second.
func (l *line) cost(size int) int64 { return (int64(size)*8*1e9 + l.bits - 1) / l.bits }

// start returns when a packet that is there now begins to be sent.
func (l *line) start(size int, now int64) int64 {
	start := max(now, l.busy)
	switch {
	case len(l.trace) > 0:
		return l.opportunity(start)
	case l.burst > 0:
		// Full, the bucket holds what came in that time.
		full := max(l.empty, start-l.cost(l.burst))
		return max(start, addTime(full, l.cost(size)))
	}
	return start
}

// take sends a packet from start on and returns when its last bit has left.
func (l *line) take(size int, start int64) int64 {
	switch {
	case len(l.trace) > 0:
		l.busy = l.use(size, start)
	case l.burst > 0:
		l.empty = addTime(max(l.empty, start-l.cost(l.burst)), l.cost(size))
		l.busy = start
	default:
		l.busy = addTime(start, l.cost(size))
	}
	return l.busy
}

// opportunity returns when the next opportunity is that has room, now or later.
func (l *line) opportunity(now int64) int64 {
	if !l.begun {
		l.begun, l.epoch, l.index, l.room = true, now, 0, OpportunityBytes
	}
	switch at := l.at(l.index); {
	case at < now:
		return l.at(l.after(now))
	case l.room == 0:
		return l.at(l.index + 1)
	default:
		return at
	}
}

// use uses up opportunities for a packet from the one at start on, and returns
// the time of the last.
func (l *line) use(size int, start int64) int64 {
	if l.at(l.index) < start { // what nobody used has passed
		l.index, l.room = l.after(start), OpportunityBytes
	}
	for size > l.room {
		size -= l.room
		l.index++
		l.room = OpportunityBytes
	}
	l.room -= size
	return l.at(l.index)
}

func (l *line) period() int64 { return int64(l.trace[len(l.trace)-1]) }

// at returns the time of an opportunity.
func (l *line) at(index int64) int64 {
	n := int64(len(l.trace))
	return l.epoch + index/n*l.period() + int64(l.trace[index%n])
}

// after returns the first opportunity at now or later.
func (l *line) after(now int64) int64 {
	n := int64(len(l.trace))
	rounds := (now - l.epoch) / l.period()
	rest := time.Duration((now - l.epoch) % l.period())
	i, _ := slices.BinarySearch(l.trace, rest)
	if rest == 0 && rounds > 0 { // the last of the round before is at this time, too
		j, _ := slices.BinarySearch(l.trace, time.Duration(l.period()))
		return (rounds-1)*n + int64(j)
	}
	return rounds*n + int64(i)
}
