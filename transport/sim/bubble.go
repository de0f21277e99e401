// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"cmp"
	"net"
	"slices"
	"time"

	"protean/transport/internal/fifo"
)

// This file drives a network in a testing/synctest bubble, where programs have
// goroutines of their own and may block. The time of a bubble is virtual, but
// goroutines that run at the same instant are in no order, and neither are Go's
// timers. So one goroutine, the loop, makes everything happen, one thing at a
// time: in between, the barrier waits until all other goroutines are blocked.
// What they did with their handles meanwhile has been noted down there, handle
// by handle, and is done by the loop, in the order of the handles.

// A bubble is the state of the loop.
type bubble struct {
	touched []*Transport // something was noted down; each once
	work    []*Transport // settle's own
	idle    bool         // the loop sleeps, and wants to be kicked
	resting []chan struct{}
	halting bool    // too many steps were taken
	failure error   // the first one
	news    []error // not reported yet
	round   uint64  // counts barriers
	vain    int     // calls of Commit that waited for quiet in vain
}

// loop is the goroutine of a network in a bubble.
func (n *Network) loop() {
	defer close(n.done)
	sleep := time.NewTimer(time.Hour)
	defer sleep.Stop()
	for {
		n.cfg.Barrier()
		n.mu.Lock()
		n.bubble.round++
		n.settle()
		if n.report() {
			continue
		}
		if n.bubble.halting {
			n.halt()
		}
		if n.closed {
			n.orphanTimers()
			n.mu.Unlock()
			return
		}
		if f, busy := n.turn(); busy {
			n.mu.Unlock()
			if f != nil {
				f()
			}
			continue
		}
		if rest := n.bubble.resting; len(rest) > 0 {
			first := rest[0]
			n.bubble.resting = slices.Delete(rest, 0, 1)
			n.mu.Unlock()
			close(first)
			continue
		}
		n.bubble.idle = true
		var wake <-chan time.Time
		if n.heap.len() > 0 {
			sleep.Reset(max(0, time.Duration(n.heap.top().at-n.clock())))
			wake = sleep.C
		}
		n.mu.Unlock()
		select {
		case <-wake:
			n.mu.Lock()
			n.bubble.idle = false
			n.mu.Unlock()
		case <-n.kick:
		}
	}
}

// turn makes events happen that are due, until one has woken a goroutine or
// has a function to be called. It reports whether there was any.
func (n *Network) turn() (f func(), busy bool) {
	if now := n.clock(); now > n.now {
		n.advance(now)
	}
	for {
		for n.runnable.Len() > 0 {
			t := *n.runnable.At(0)
			n.runnable.Drop()
			t.queued = false
			n.last = t
			n.watch(t.polled)
			if n.tooMany() {
				return nil, true
			}
			if t.q.waiting && !t.closed {
				t.q.signal()
				return nil, true
			}
		}
		if n.heap.len() == 0 || n.heap.top().at > n.now {
			return nil, false
		}
		n.watch(n.heap.top().src.String)
		if n.tooMany() {
			return nil, true
		}
		if s := n.heap.top().src; s.kind == sourceFunc {
			n.heap.remove(s)
			s.timer.armed = false
			return s.timer.f, true
		}
		if n.acting() {
			return n.action(), true
		}
		n.fire()
		n.settle()
	}
}

// tooMany counts a step, and says if that is beyond the limit.
func (n *Network) tooMany() bool {
	err := n.count()
	if err == nil {
		return false
	}
	n.fail(err)
	n.bubble.halting = true
	return true
}

// halt ends what would not end by itself, as if the network's plug had been
// pulled: whoever waits for it is told that it is closed.
func (n *Network) halt() {
	n.bubble.halting = false
	n.orphanTimers()
	for n.heap.len() > 0 {
		n.heap.remove(n.heap.top().src)
	}
	n.runnable = fifo.Queue[*Transport]{}
	for _, nd := range n.order {
		for _, t := range nd.handles {
			t.closed = true
			t.q.signal()
		}
	}
}

// touch notes that the loop has to look at t.
func (t *Transport) touch() {
	b := &t.net.bubble
	if !t.touched {
		t.touched = true
		b.touched = append(b.touched, t)
	}
	t.net.rouse()
}

// rouse has the loop go on if it sleeps.
func (n *Network) rouse() {
	if n.bubble.idle {
		n.bubble.idle = false
		n.poke()
	}
}

// settle does what was noted down. All goroutines but this one are blocked.
func (n *Network) settle() {
	b := &n.bubble
	if len(b.touched) == 0 {
		return
	}
	b.work, b.touched = b.touched, b.work[:0]
	if len(b.work) > 1 {
		slices.SortFunc(b.work, func(x, y *Transport) int {
			return cmp.Or(cmp.Compare(x.node.rank, y.node.rank), cmp.Compare(x.rank, y.rank))
		})
	}
	now := n.clock()
	for i, t := range b.work {
		t.touched = false
		t.settle(now)
		b.work[i] = nil
	}
}

func (t *Transport) settle(now int64) {
	for t.outbox.Len() > 0 {
		o := *t.outbox.At(0)
		t.outbox.Drop()
		t.post(&o, now)
	}
	if len(t.rearmed) > 1 { // several goroutines may have armed them
		slices.SortFunc(t.rearmed, func(x, y *Timer) int { return cmp.Compare(x.rank, y.rank) })
	}
	for _, m := range t.rearmed {
		m.settle(now)
	}
	clear(t.rearmed)
	t.rearmed = t.rearmed[:0]
	q := &t.q
	if q.wake {
		q.wake, q.woken, t.look = false, true, true
	}
	if t.look && !t.closed {
		t.run()
	}
	t.look = false
	switch {
	case !q.waiting || q.until == 0:
		t.net.heap.remove(&t.timer)
	case t.net.heap.when(&t.timer) != q.until:
		t.net.schedule(&t.timer, q.until)
	}
}

// Settle blocks until all that happens at the present instant has happened, in
// a network in a bubble, whose barrier nobody but the network can use: it takes
// the place of synctest.Wait. Errors: *[transport.UnsupportedError] for other
// networks; net.ErrClosed.
func (n *Network) Settle() error {
	n.mu.Lock()
	if !n.inBubble() {
		n.mu.Unlock()
		return unsupported("Settle without Config.Barrier")
	}
	if n.closed {
		n.mu.Unlock()
		return net.ErrClosed
	}
	c := make(chan struct{})
	n.bubble.resting = append(n.bubble.resting, c)
	n.rouse()
	n.mu.Unlock()
	select {
	case <-c:
		return nil
	case <-n.done:
		return net.ErrClosed
	}
}

func (n *Network) inBubble() bool { return n.cfg.Barrier != nil }

// fail notes what is wrong, for report.
func (n *Network) fail(err error) {
	b := &n.bubble
	if b.failure == nil {
		b.failure = err
	}
	b.news = append(b.news, err)
}

// report tells what went wrong, if anything did, and then has let go of n.mu.
func (n *Network) report() bool {
	news := n.bubble.news
	if len(news) == 0 {
		return false
	}
	n.bubble.news = nil
	n.mu.Unlock()
	if n.cfg.Report != nil {
		for _, err := range news {
			n.cfg.Report(err)
		}
	}
	return true
}
