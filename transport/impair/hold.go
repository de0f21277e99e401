// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import "protean/transport/internal/fifo"

// A holder is a stage that keeps packets until it decides on them, first in,
// first out.
type holder interface {
	runner

	// due is when it will decide on its first packet if nothing happens
	// before; it is asked only while it has one.
	due(now int64) int64

	// decide decides on its first packet: keep means not now. more is whether
	// there are others behind it.
	decide(u *unit, c *core, more bool) verdict
}

// A hold is the packets of a holder.
type hold[M any] struct {
	holder
	prog  *Program
	stage uint8
	ring  fifo.Queue[*flight[M]]
	at    int64 // when it is due, if there are any
	seq   uint64
}

// hold has the stage that f just passed keep it.
func (x *Pipe[M]) hold(f *flight[M]) {
	f.prog.core.writable(&f.unit)
	f.lent = false
	h := x.holdOf(f.prog, f.next-1)
	*h.ring.Add() = f
	x.arm(h, f.prog.core.now)
}

// holdOf returns the hold of a stage, anew if it is one of a program that was
// followed by another while this stage had no packets.
func (x *Pipe[M]) holdOf(p *Program, stage uint8) *hold[M] {
	for i := range x.holds {
		if h := &x.holds[i]; h.prog == p && h.stage == stage {
			return h
		}
	}
	x.holds = append(x.holds, hold[M]{holder: p.stages[stage].(holder), prog: p, stage: stage})
	return &x.holds[len(x.holds)-1]
}

// arm notes when a hold is due.
func (x *Pipe[M]) arm(h *hold[M], now int64) {
	if h.ring.Len() == 0 {
		return
	}
	if at := max(now, h.due(now)); h.seq == 0 || at != h.at {
		*x.seq++
		h.at, h.seq = at, *x.seq
	}
}

// release has a holder decide on its packets until it keeps the first.
func (x *Pipe[M]) release(i int, now int64) {
	for x.holds[i].ring.Len() > 0 {
		h := &x.holds[i]
		c := &h.prog.core
		c.now = now
		f := *h.ring.At(0)
		f.at = now
		v := h.decide(&f.unit, c, h.ring.Len() > 1)
		if c.events != 0 {
			x.notes(f)
		}
		if v == keep {
			break
		}
		h.ring.Drop()
		if v == gone {
			x.end(f, c.fate)
		} else {
			x.finish(f, now)
			x.copies(now)
		}
	}
	h := &x.holds[i]
	if h.ring.Len() == 0 {
		h.seq = 0
	}
	x.arm(h, now)
}
