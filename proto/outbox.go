// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"errors"
	"syscall"

	"protean/proto/frag"
	"protean/transport"
)

// txSide is the sending side of a transport queue, which takes one caller at
// a time.
type txSide struct {
	mu  sendLock
	q   transport.Queue
	log sentLog
}

// An outbox collects the packets that one context sends: one receive loop, one
// binding's Do, one Sender. Nothing in it is shared but its txSide.
type outbox struct {
	h      *Host
	tx     *txSide
	b      transport.Batch
	owners []*Binding // of the packets staged, b.Slots[:n]
	n      int        // packets staged
	grow   int        // slots to reserve next: 1, 1, 2, 4 …, since unused slots cost
	stuck  bool       // the latest flush ended for lack of room
	short  bool       // a packet with less than eight bytes of payload was staged
	slot   Slot       // the open slot, one at a time
	max    int        // most packets to stage

	id        uint32 // the identification used last
	ids       uint32 // how many after it are this outbox's
	idsAtOnce uint32 // how many it takes next: 1 unless it is a Sender's

	whole    []byte // a packet that is being cut
	splitter frag.Splitter
	like     transport.Slot // of the whole packet
	left     int            // fragments that cutOn is to stage
	ahead    bool           // the splitter is at the first of them
	resumes  bool           // a Conn's, which goes on with them when there is room

	gone int // packets that have left so far, sent or not

	bad       []byte // what the latest flush dropped; valid until the next call
	badCookie uint64

	now   int64 // host time of the callback in progress, if nowOK
	nowOK bool
	bulk  bool // a Sender's: of one binding, and in no callback; what is sent together has one time
}

func (o *outbox) init(h *Host, tx *txSide) {
	o.h, o.tx, o.grow = h, tx, 1
	o.max = max(h.caps.Batch, 1)
	o.slot.o = o
	o.idsAtOnce = 1
}

// time is the instant of the callback in progress.
func (o *outbox) time() int64 {
	if !o.nowOK {
		o.now, o.nowOK = o.h.nowNs(), true
	}
	return o.now
}

// next returns the next empty slot. It sends what is staged if that makes
// room.
func (o *outbox) next() (*transport.Slot, error) {
	if o.n == len(o.b.Slots) {
		if err := o.reserve(); err != nil {
			return nil, err
		}
	}
	return &o.b.Slots[o.n], nil
}

// reserveMore takes more slots, without making room for them.
func (o *outbox) reserveMore() error {
	o.tx.mu.lockToSend()
	defer o.tx.mu.Unlock()
	return o.tx.q.Reserve(&o.b, o.grow)
}

func (o *outbox) reserve() error {
	if o.n >= o.max {
		if o.flushAll(); o.stuck {
			return transport.ErrNoSlots
		}
	}
	err := o.reserveMore()
	if err == transport.ErrNoSlots && o.n > 0 {
		if o.flushAll(); o.stuck {
			return err
		}
		err = o.reserveMore()
	}
	if err != nil {
		o.stuck = o.stuck || err == transport.ErrNoSlots
		return err
	}
	if len(o.b.Slots) > 1 && o.grow < o.max {
		o.grow = min(2*o.grow, o.max)
	}
	return nil
}

// stage counts the next slot as filled, on behalf of b.
func (o *outbox) stage(b *Binding) {
	o.owners = append(o.owners, b)
	o.n++
}

// flushAll sends what is staged, reporting packets that cannot be sent to
// those who sent them. Packets for which there is no room now stay.
func (o *outbox) flushAll() {
	for o.n > 0 {
		b, err := o.flush()
		if err == nil || o.stuck {
			return
		}
		b.sendFailed(err, o.bad, o.badCookie)
	}
	o.giveBack()
}

// flush sends what is staged, up to the first packet that cannot be sent: that
// one is dropped, and err says why. If there is no room now, err is
// ErrNoSlots, and the rest stays.
func (o *outbox) flush() (b *Binding, err error) {
	o.h.needTap(o.short)
	now := o.time()
	if o.bulk {
		o.nowOK = false
	}
	o.tx.mu.lockToSend()
	o.tx.log.record(o.b.Slots[:o.n], o.owners, now)
	sent, err := o.tx.q.Commit(&o.b, o.n)
	if sent < o.n {
		o.tx.log.forget(o.n-sent, errors.Is(err, syscall.EMSGSIZE))
	}
	o.tx.mu.Unlock()
	o.account(sent)
	o.n -= sent
	o.gone += sent
	o.stuck = false
	if err == nil {
		o.grow = 1
		return nil, nil
	}
	b = o.owners[0]
	o.bad, o.badCookie = o.b.Slots[0].Data, o.b.Slots[0].Cookie
	if err == transport.ErrNoSlots {
		o.stuck = true
		o.h.starved.Store(true) // Wait returns when there is room
		return b, err
	}
	var tooBig *transport.TooBigError
	if errors.As(err, &tooBig) {
		o.h.refusedForSize(o.bad, tooBig.MTU, now)
	}
	o.owners = shift(o.owners, 1)
	o.n--
	o.gone++
	o.b.Drop() // its slot goes back with the next Commit
	b.stats.sendDropped[dropReason(err)].Add(1)
	return b, err
}

// account credits the first n packets to their owners.
func (o *outbox) account(n int) {
	for i := 0; i < n; {
		b, j := o.owners[i], i+1
		for j < n && o.owners[j] == b {
			j++
		}
		b.stats.sent.Add(uint64(j - i))
		i = j
	}
	o.owners = shift(o.owners, n)
}

func shift(s []*Binding, n int) []*Binding {
	m := copy(s, s[n:])
	clear(s[m:])
	return s[:m]
}

// giveBack returns all slots; nothing may be staged.
func (o *outbox) giveBack() {
	o.slot.open = false
	if len(o.b.Slots) == 0 {
		return
	}
	o.tx.mu.Lock()
	o.tx.q.Commit(&o.b, 0) // sends nothing, so that it has nothing to report
	o.tx.mu.Unlock()
	o.grow = 1
}

// unstage takes back what is staged, for the caller to try again.
func (o *outbox) unstage() {
	o.owners = shift(o.owners, o.n)
	o.n, o.stuck, o.left = 0, false, 0
	o.giveBack()
}

// abandon discards the open slot, if any, of a callback that did not return.
func (o *outbox) abandon() { o.slot.open = false }

// drain drops what is staged and gives all slots back.
func (o *outbox) drain(r DropReason) {
	for _, b := range o.owners[:o.n] {
		b.stats.sendDropped[r].Add(1)
	}
	o.owners = shift(o.owners, o.n)
	o.n, o.stuck, o.left = 0, false, 0
	o.giveBack()
}

// dropReason is the reason under which a packet is counted that a transport
// refused.
func dropReason(err error) DropReason {
	switch {
	case errors.Is(err, syscall.EMSGSIZE):
		return transport.TooBig
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return transport.NoRoute
	case errors.Is(err, syscall.ENETDOWN):
		return transport.LinkDown
	case isClosed(err):
		return transport.Closed
	default:
		return transport.SendFailed
	}
}
