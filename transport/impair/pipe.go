// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"slices"

	"protean/transport/internal/fifo"
)

// A Pipe is one direction of a link: packets go in, and come out when, and as
// what, its program says. It is a state machine without clock, goroutine or
// lock: its user passes the time in, and calls Fire when something is due.
//
// M is what the user wants to know again about a packet that comes out.
type Pipe[M any] struct {
	carrier Carrier[M]
	seq     *uint64
	prog    *Program
	count   uint64
	stats   Stats

	ring    fifo.Queue[*flight[M]] // in order
	loose   []looseRef[M]          // a heap of those that are not
	holds   []hold[M]              // of the stages that hold packets
	pending []*flight[M]           // copies, which go on when the packet at work is done with
	pool    []*flight[M]           // unused

	out, noted Packet[M] // what Arrive and Note are shown
}

// A Carrier is the surroundings of a pipe.
type Carrier[M any] interface {
	// Get returns memory of n bytes, Put takes it back.
	Get(n int) []byte
	Put(b []byte)

	// Arrive takes a packet that has come out; its memory is the carrier's
	// from now on, but p itself is valid until it returns. It may push packets
	// into the pipe.
	Arrive(p *Packet[M])

	// Note is told what befalls a packet; it must not change or keep its
	// bytes, or call the pipe.
	Note(f Fate, p *Packet[M])
}

// A Packet is a packet in a pipe.
type Packet[M any] struct {
	Time   int64 // Unix nanoseconds
	Number uint64
	Copy   uint16 // 0, or which copy it is: the set, as bits, of the stages of type Duplicate that made one
	Data   []byte
	Meta   M
}

// A flight is a packet in a pipe.
type flight[M any] struct {
	unit
	seq  uint64
	prog *Program
	meta M
}

func (x *Pipe[M]) take() *flight[M] {
	if n := len(x.pool); n > 0 {
		f := x.pool[n-1]
		x.pool = x.pool[:n-1]
		return f
	}
	return new(flight[M])
}

func (x *Pipe[M]) give(f *flight[M]) {
	f.data = nil
	x.pool = append(x.pool, f)
}

// NewPipe returns a pipe. seq counts what is scheduled, so that what is due at
// the same time happens in the order in which it was scheduled; pipes may share
// it.
func NewPipe[M any](c Carrier[M], p *Program, seq *uint64) *Pipe[M] {
	x := &Pipe[M]{carrier: c, seq: seq}
	x.Set(p)
	return x
}

// Set has the pipe go on with another program. Packets that are in the pipe
// finish what they have begun under the old one.
func (x *Pipe[M]) Set(p *Program) {
	p.core.memory = x.carrier
	x.prog = p
	x.holds = slices.DeleteFunc(x.holds, func(h hold[M]) bool { return h.ring.Len() == 0 })
	for i, s := range p.stages {
		if h, ok := s.(holder); ok {
			x.holds = append(x.holds, hold[M]{holder: h, prog: p, stage: uint8(i)})
		}
	}
}

// Stats returns what was counted.
func (x *Pipe[M]) Stats() Stats { return x.stats }

// Offer counts a packet of n bytes and returns its number, for Push, or for
// none if its user drops it.
func (x *Pipe[M]) Offer(n int) (number uint64) {
	x.stats.Offered++
	x.stats.OfferedBytes += uint64(n)
	x.count++
	return x.count - 1
}

// Refuse counts the fate of a packet that was offered and will not be pushed.
func (x *Pipe[M]) Refuse(f Fate) { x.stats.count(f) }

// An Outcome says what became of a packet that was pushed.
type Outcome uint8

// The outcomes.
const (
	Kept   Outcome = iota // it is under way, and will arrive, or not
	Passed                // nothing keeps it: it is out already
	Gone                  // the carrier was told its fate
)

// Push puts a packet in that was offered. own says that the pipe may write to
// data, which came from Get, and keep it, which it has done if the outcome is
// Kept; else it makes a copy if it needs one.
//
// sent is when the packet has left the first queue (see [Rate]), -1 if it never
// will.
func (x *Pipe[M]) Push(number uint64, data []byte, own bool, meta M, now int64) (o Outcome, sent int64) {
	f := x.begin(number, data, own, now)
	f.meta = meta
	c := &f.prog.core
	if o = x.run(f); o == Passed {
		x.park(f)
		o = Kept
	}
	sent = c.sent
	if len(x.pending) > 0 || len(x.holds) > 0 {
		x.follow(now)
	}
	return o, sent
}

// Through is Push of a packet whose memory stays the caller's, and which is not
// given to Arrive if nothing delays it and it overtakes none: then the outcome
// is Passed, and out what it has become. That may be a copy, from Get, which
// the caller has to give back.
func (x *Pipe[M]) Through(number uint64, data []byte, meta M, now int64) (o Outcome, out []byte) {
	f := x.begin(number, data, false, now)
	f.meta = meta
	if o = x.run(f); o == Passed {
		if at, _, ok := x.Next(); f.at <= now && (!ok || at > now) {
			x.delivered(f)
			out = f.data
			x.give(f)
		} else {
			x.park(f)
			o = Kept
		}
	}
	x.follow(now)
	return o, out
}

// begin returns the flight of a packet at its first stage.
func (x *Pipe[M]) begin(number uint64, data []byte, own bool, now int64) *flight[M] {
	p := x.prog
	c := &p.core
	c.now, c.sent, c.queued = now, now, false
	f := x.take()
	f.unit = unit{at: now, number: number, data: data, own: own, lent: own}
	f.prog = p
	for i := range p.chains {
		if p.chains[i].strikes(number) {
			f.struck |= 1 << i
		}
	}
	x.stats.InFlight++
	return f
}
