// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi

import (
	"net"
	"net/netip"
	"syscall"

	"protean/transport"
)

// Reserve implements [transport.Queue]. Slots are those of the queue's own member.
func (q *queue) Reserve(b *transport.Batch, n int) error {
	q.tx.Lock()
	defer q.tx.Unlock()
	return q.q.Reserve(b, n)
}

// Commit implements [transport.Queue].
func (q *queue) Commit(b *transport.Batch, n int) (sent int, err error) {
	if len(q.m.t.members) == 1 {
		return q.commit(b, n)
	}
	q.last = choice{}
	for sent < n && err == nil {
		to, k := q.next(b, n-sent)
		switch to {
		case nil:
			k, err = 0, noMember(b.Slots[0].Data)
		case q.m:
			k, err = q.commitRun(b, k)
		default:
			k, err = q.carry(b, to.queues[0], k)
		}
		sent += k
	}
	q.giveBack(b, n-sent)
	return sent, err
}

// next returns the member that the first packet of b goes to, and how many of
// the first n go there.
func (q *queue) next(b *transport.Batch, n int) (to *member, k int) {
	for k < n {
		m := q.target(&b.Slots[k])
		if k > 0 && m != to {
			break
		}
		to = m
		k++
	}
	return to, k
}

// target returns the member that a packet goes to.
func (q *queue) target(s *transport.Slot) *member {
	dst, ok := destination(s.Data)
	if !ok {
		return q.m // which says what is wrong
	}
	if l := &q.last; dst != l.dst || s.IfIndex != l.ifindex {
		*l = choice{dst, s.IfIndex, q.m.t.member(dst, int(s.IfIndex))}
	}
	return q.last.to
}

// destination returns the destination in an IP header that may be none.
func destination(d []byte) (netip.Addr, bool) {
	switch {
	case len(d) >= 20 && d[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(d[16:20])), true
	case len(d) >= 40 && d[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(d[24:40])), true
	}
	return netip.Addr{}, false
}

// commit commits at the queue's own member, whose indices it takes.
func (q *queue) commit(b *transport.Batch, n int) (sent int, err error) {
	shift := q.m.shift
	if shift != 0 {
		move(b.Slots[:n], -shift)
	}
	q.tx.Lock()
	sent, err = q.q.Commit(b, n)
	q.tx.Unlock()
	if shift != 0 {
		move(b.Slots, shift) // what was not sent will come again
	}
	return sent, err
}

func move(slots []transport.Slot, shift int32) {
	for i := range slots {
		if slots[i].IfIndex != 0 {
			slots[i].IfIndex += shift
		}
	}
}

// commitRun sends the first k packets of b, and leaves what is behind them.
func (q *queue) commitRun(b *transport.Batch, k int) (sent int, err error) {
	q.run.Slots = append(q.run.Slots[:0], b.Slots[:k]...)
	sent, err = q.commit(&q.run, k)
	b.Shift(sent)
	copy(b.Slots, q.run.Slots)
	clear(q.run.Slots)
	q.run.Slots = q.run.Slots[:0]
	return sent, err
}

// carry sends the first k packets of b through another member's queue, and leaves
// what is behind them. If there is no room, it tries once more when it is sure to
// be woken: room that comes in between wakes nobody.
func (q *queue) carry(b *transport.Batch, to *queue, k int) (sent int, err error) {
	to.tx.Lock()
	defer to.tx.Unlock()
	if sent, err = q.carryNow(b, to, k); err != transport.ErrNoSlots {
		return sent, err
	}
	to.starve(q)
	more, err := q.carryNow(b, to, k-sent)
	return sent + more, err
}

// carryNow is carry as far as there is room, with to.tx held.
func (q *queue) carryNow(b *transport.Batch, to *queue, k int) (sent int, err error) {
	for sent < k && err == nil {
		other := &q.other
		if err = to.q.Reserve(other, k-sent); err != nil {
			break
		}
		n := 0
		for ; n < len(other.Slots) && err == nil; n++ {
			err = copySlot(&other.Slots[n], &b.Slots[n], to.m)
		}
		if err != nil {
			n--
		}
		done, commitErr := to.q.Commit(other, n)
		if len(other.Slots) > 0 {
			to.q.Commit(other, 0)
		}
		if commitErr != nil { // it is about an earlier packet than err
			err = commitErr
		}
		q.back.Slots = append(q.back.Slots, b.Slots[:done]...)
		b.Shift(done)
		sent += done
	}
	return sent, err
}

// copySlot makes to the packet in from, with the indices of m.
func copySlot(to, from *transport.Slot, m *member) error {
	if len(from.Data) > cap(to.Data) {
		return &transport.TooBigError{Size: len(from.Data), MTU: cap(to.Data)}
	}
	to.Data = append(to.Data[:0], from.Data...)
	to.IfIndex = int32(m.own(int(from.IfIndex)))
	to.Frag, to.Stamp, to.Cookie = from.Frag, from.Stamp, from.Cookie
	return nil
}

// giveBack returns slots to the queue's own member: those of b behind the first
// n, and those whose packets went elsewhere.
func (q *queue) giveBack(b *transport.Batch, n int) {
	back := &q.back
	back.Slots = append(back.Slots, b.Slots[n:]...)
	b.Truncate(n)
	if len(back.Slots) == 0 {
		return
	}
	q.tx.Lock()
	defer q.tx.Unlock()
	q.q.Commit(back, 0)
}

func noMember(d []byte) error {
	dst, _ := destination(d)
	return &net.OpError{Op: "write", Net: name, Addr: &net.IPAddr{IP: dst.AsSlice()}, Err: syscall.ENETUNREACH}
}
