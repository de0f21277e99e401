// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package slots

import (
	"sync/atomic"

	"protean/transport"
)

// A Pool lends a fixed number of slots, each with memory of its own. It is owned
// by the goroutine in Reserve or Commit. Slot.Ref is the number of a slot, from 1.
type Pool struct {
	mem     []byte
	stride  int
	free    []uint64    // numbers of the slots not lent; the last is lent next
	starved atomic.Bool // Reserve found no slot, and nobody was told of one since
}

// Init makes n slots whose memory is stride bytes apart.
func (p *Pool) Init(n, stride int) {
	p.mem, p.stride = make([]byte, n*stride), stride
	p.free = make([]uint64, n)
	for i := range p.free {
		p.free[i] = uint64(n - i)
	}
}

// Reserve is what [transport.Queue] says of it, but for a closed transport.
func (p *Pool) Reserve(b *transport.Batch, n int) error {
	if n < 1 {
		return nil
	}
	if len(p.free) == 0 {
		p.starved.Store(true)
		return transport.ErrNoSlots
	}
	for range min(n, len(p.free)) {
		ref := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		at := int(ref-1) * p.stride
		b.Append(p.mem[at:at:at+p.stride], ref)
	}
	return nil
}

// Begin is the start of a Commit: it takes all slots but the first n back. It
// returns n, which is not negative.
func (p *Pool) Begin(b *transport.Batch, n int) int {
	n = max(n, 0)
	p.give(b.Slots[n:])
	b.Truncate(n)
	return n
}

// End is the end of a Commit: it takes the slots back that were sent. It reports
// whether somebody who found no slot is to be woken up.
func (p *Pool) End(b *transport.Batch, sent int) (wake bool) {
	p.give(b.Slots[:sent])
	b.Shift(sent)
	return len(p.free) > 0 && p.starved.Swap(false)
}

func (p *Pool) give(slots []transport.Slot) {
	for i := range slots {
		p.free = append(p.free, slots[i].Ref)
	}
}
