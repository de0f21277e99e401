// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"encoding/binary"
	"errors"
	"time"

	"protean/transport"
)

func reserveTests() []subtest {
	return []subtest{
		{"Reserve appends empty slots of full size", nil, reserveGrows},
		{"Reserve of less than one slot appends nothing", nil, reserveNone},
		{"slots given back can be reserved again", nil, reserveGivenBack},
		{"slots come back after their packets are sent", nil, reserveAfterSending},
		{"Wait returns when there are slots again", nil, waitForRoom},
	}
}

// reserveGrows asks for 1, 1, 2, 4 … slots, which must all have memory of
// their own and stay as they are when more are reserved.
func reserveGrows(x *trial) {
	q := x.a.queue()
	var b transport.Batch
	most := max(1, min(x.caps.Batch, 64))
	for n := 1; len(b.Slots) < most; n = max(1, len(b.Slots)) {
		first := len(b.Slots)
		err := q.Reserve(&b, n)
		if errors.Is(err, transport.ErrNoSlots) {
			break
		}
		x.noerr(err, "Reserve")
		if len(b.Slots) <= first || len(b.Slots) > first+n {
			x.fatalf("Reserve of %d appended %d slots", n, len(b.Slots)-first)
		}
		for i := first; i < len(b.Slots); i++ {
			s := &b.Slots[i]
			if len(s.Data) != 0 || cap(s.Data) < x.caps.MaxPacket {
				x.fatalf("a new slot has length %d and capacity %d, want 0 and Caps.MaxPacket = %d",
					len(s.Data), cap(s.Data), x.caps.MaxPacket)
			}
			if s.IfIndex != 0 || s.Stamp || s.Cookie != 0 {
				x.fatalf("a new slot is not empty: IfIndex %d, Stamp %v, Cookie %d", s.IfIndex, s.Stamp, s.Cookie)
			}
			s.Data = s.Data[:x.caps.MaxPacket]
			s.Cookie = uint64(i)
			for o := 0; o+4 <= len(s.Data); o += 4 {
				binary.BigEndian.PutUint32(s.Data[o:], uint32(i))
			}
		}
	}
	for i := range b.Slots {
		s := &b.Slots[i]
		if s.Cookie != uint64(i) {
			x.fatalf("slot %d was changed by a later Reserve", i)
		}
		for o := 0; o+4 <= len(s.Data); o += 4 {
			if v := binary.BigEndian.Uint32(s.Data[o:]); v != uint32(i) {
				x.fatalf("slot %d shares memory with slot %d", i, v)
			}
		}
	}
	x.giveBack(q, &b)
}

// giveBack gives all slots of b back.
func (x *trial) giveBack(q transport.Queue, b *transport.Batch) {
	x.step("Commit of no packet")
	sent, err := q.Commit(b, 0)
	x.noerr(err, "Commit of no packet")
	x.account(b, 0, sent, err)
}

func reserveNone(x *trial) {
	q := x.a.queue()
	var b transport.Batch
	for _, n := range []int{0, -1, -1 << 31} {
		x.noerr(q.Reserve(&b, n), "Reserve of %d", n)
		if len(b.Slots) != 0 {
			x.fatalf("Reserve of %d appended %d slots", n, len(b.Slots))
		}
	}
	x.giveBack(q, &b)
}

// exhaust reserves until there are no slots, or so many that there may be no
// bound, and reports which.
func (x *trial) exhaust(q transport.Queue, b *transport.Batch) (empty bool) {
	for bound := 128 + 4*x.caps.Batch; len(b.Slots) < bound; {
		before := len(b.Slots)
		err := q.Reserve(b, max(1, x.caps.Batch))
		if errors.Is(err, transport.ErrNoSlots) {
			return true
		}
		x.noerr(err, "Reserve")
		if len(b.Slots) == before {
			x.fatalf("Reserve appended no slot and returned no error")
		}
	}
	return false
}

func reserveGivenBack(x *trial) {
	q := x.a.queue()
	var b transport.Batch
	x.exhaust(q, &b)
	all := len(b.Slots)
	x.giveBack(q, &b)
	for range 3 {
		x.exhaust(q, &b)
		if len(b.Slots) < all {
			x.fatalf("of %d slots only %d can be reserved after all were given back", all, len(b.Slots))
		}
		x.giveBack(q, &b)
	}
}

func reserveAfterSending(x *trial) {
	in := x.inbox(&x.b)
	q := x.a.queue()
	var b transport.Batch
	x.exhaust(q, &b)
	all := len(b.Slots)
	x.giveBack(q, &b)

	for i := 1; i <= 4; i++ {
		x.reserve(q, &b, 1)
		if err := q.Reserve(&b, 3); err != nil && !errors.Is(err, transport.ErrNoSlots) {
			x.fatalf("Reserve: %v", err)
		}
		x.fill(&b.Slots[0], x.packets(&x.a, &x.b, 1)[0])
		x.commit(q, &b, 1) // and gives the others back
		in.want(i)
	}
	// How soon a slot is free after its packet left is not for the contract.
	x.step("waiting for all of %d slots after packets were sent", all)
	for {
		empty := x.exhaust(q, &b)
		n := len(b.Slots)
		_, err := q.Commit(&b, 0)
		x.noerr(err, "Commit of no packet")
		if n >= all || !empty {
			return
		}
		pause()
	}
}

func waitForRoom(x *trial) {
	q := x.a.queue()
	var b transport.Batch
	if !x.exhaust(q, &b) {
		x.giveBack(q, &b)
		x.leftOut("ErrNoSlots was not returned: nothing to wait for")
		return
	}
	x.giveBack(q, &b)
	x.step("Wait for room that is there already")
	x.noerr(q.Wait(time.Time{}), "Wait")
	x.reserve(q, &b, 1)
	x.giveBack(q, &b)

	if !x.exhaust(q, &b) {
		x.fatalf("a transport that had no slots left has any number of them")
	}
	done := x.helper(func() { x.noerr(q.Wait(time.Time{}), "Wait") })
	time.Sleep(settleTime)
	x.giveBack(q, &b)
	x.await(done, "Wait for room that comes during it")
	x.reserve(q, &b, 1)
	x.giveBack(q, &b)
}
