// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"fmt"

	"protean/transport"
)

// A lentSlot is a slot in the caller's hands, or one that was.
type lentSlot struct {
	memory []byte         // what the caller writes to
	under  transport.Slot // the slot of the decorated queue that it stands for
	round  uint64         // in which it was last seen in a batch
}

// quarantine is how many slots taken back are kept unused, so that late writes
// to them can be found.
const quarantine = 8

// Reserve implements transport.Queue.
func (q *poisonedQueue) Reserve(b *transport.Batch, n int) error {
	q.sending.enter("Reserve", "Reserve or Commit")
	defer q.sending.leave()
	for _, l := range q.dead[max(0, len(q.dead)-quarantine):] {
		checkDead(l)
	}
	held := q.show(b)
	err := q.Queue.Reserve(&q.inner, n)
	for _, under := range q.inner.Slots[len(held):] {
		b.Slots = append(b.Slots, q.lend(under))
	}
	return err
}

// Commit implements transport.Queue.
func (q *poisonedQueue) Commit(b *transport.Batch, n int) (int, error) {
	q.sending.enter("Commit", "Reserve or Commit")
	defer q.sending.leave()
	held := q.show(b)
	for i := range held[:n] {
		s, under := &b.Slots[i], &q.inner.Slots[i]
		under.Data = append(under.Data[:0], s.Data...)
		under.IfIndex, under.Stamp, under.Cookie = s.IfIndex, s.Stamp, s.Cookie
	}
	sent, err := q.Queue.Commit(&q.inner, n)
	if sent < 0 || sent > n {
		panic(fmt.Sprintf("transporttest: Commit of %d packets says that it sent %d", n, sent))
	}
	left := n - sent
	if len(q.inner.Slots) != left {
		panic(fmt.Sprintf("transporttest: Commit of %d packets sent %d and left %d slots in the batch", n, sent, len(q.inner.Slots)))
	}
	for i, l := range held {
		if i >= sent && i < n {
			l.under = q.inner.Slots[i-sent]
			continue
		}
		delete(q.lent, b.Slots[i].Ref)
		fill(l.memory)
		q.dead = append(q.dead, l)
	}
	b.Shift(sent)
	b.Truncate(left)
	return sent, err
}

// show makes q.inner the batch that the decorated queue would see if b were
// its own, and returns b's slots after checking them.
func (q *poisonedQueue) show(b *transport.Batch) []*lentSlot {
	held := make([]*lentSlot, len(b.Slots))
	q.inner.Slots = q.inner.Slots[:0]
	q.round++
	for i := range b.Slots {
		s := &b.Slots[i]
		l := q.lent[s.Ref]
		switch {
		case l == nil:
			panic(fmt.Sprintf("transporttest: slot %d of the batch was committed before, given back, or never reserved here", i))
		case l.round == q.round:
			panic(fmt.Sprintf("transporttest: slot %d is in the batch twice", i))
		case cap(s.Data) == 0 || &s.Data[:1][0] != &l.memory[:1][0] || cap(s.Data) > cap(l.memory):
			panic(fmt.Sprintf("transporttest: Data of slot %d is not the memory that was reserved", i))
		}
		l.round = q.round
		held[i] = l
		q.inner.Slots = append(q.inner.Slots, l.under)
	}
	return held
}

// lend returns the slot that the caller gets for one of the decorated queue.
func (q *poisonedQueue) lend(under transport.Slot) transport.Slot {
	l := q.reuse(cap(under.Data))
	if l == nil {
		l = &lentSlot{memory: make([]byte, 0, cap(under.Data))}
		fill(l.memory)
	}
	l.under = under
	q.last++
	q.lent[q.last] = l
	return transport.Slot{
		Data: l.memory, IfIndex: under.IfIndex, Stamp: under.Stamp, Cookie: under.Cookie, Ref: q.last,
	}
}

// reuse takes the oldest dead slot out of quarantine, nil if there is none or
// its memory has another size.
func (q *poisonedQueue) reuse(size int) *lentSlot {
	if len(q.dead) <= quarantine {
		return nil
	}
	l := q.dead[0]
	q.dead = append(q.dead[:0], q.dead[1:]...)
	checkDead(l)
	if cap(l.memory) != size {
		return nil
	}
	return l
}

func checkDead(l *lentSlot) {
	if !untouched(l.memory) {
		panic("transporttest: the memory of a slot was written after its Commit")
	}
}
