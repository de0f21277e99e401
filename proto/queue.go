// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"runtime/debug"
	"time"

	"protean/transport"
)

// A queue is the host's side of one transport queue: the loop that receives
// from it, and the sink it receives into.
type queue struct {
	h     *Host
	tq    transport.Queue
	index int
	tx    txSide // the transport queue's sending side, shared by all who send through it
	out   outbox // what the callbacks of this loop send

	passing loopLock // held during a pass
	place   loopPlace

	frags *reassembly // nil where the transport reassembles

	// The rest belongs to the goroutine that drives the loop.
	cur      *Binding // whose lock the loop holds
	env      *Env     // cur's Env for this queue
	pkt      *Packet  // being handled, or handled last
	handling bool     // pkt is with a handler
	netErr   NetworkError
	again    bool       // a panic ended Recv: there may be more
	listed   bool       // interfaces were listed in this pass
	by       *Binding   // handling it, if not cur
	inside   *Binding   // the Concurrent one that the loop is inside of
	ended    []*Binding // want EndBatch at the end of this pass
	tallied  []*Env     // have taken packets in this pass
	counts   queueCounts
	stats    queueStats // counts, published

	insideEnv   *Env   // inside's Env for this queue
	insideTaken uint64 // packets that it has taken
}

// queueCounts are plain numbers, since atomics per packet would be felt; they
// are published at the end of each pass. taken counts for cur alone.
type queueCounts struct {
	received, bytes, taken uint64
}

func newQueue(h *Host, tq transport.Queue, index int) *queue {
	q := &queue{h: h, tq: tq, index: index}
	q.tx.q = tq
	q.tx.mu.init(h)
	q.tx.log.built = h.caps.BuildsHeader
	q.out.init(h, &q.tx)
	q.passing.init(nil)
	if !h.caps.Reassembles {
		q.frags = newReassembly(q)
	}
	return q
}

// recv takes up to limit packets. If a handler panics, it reports that and
// returns with the packets so far; the transport's cursor is past the packet.
func (q *queue) recv(limit int) (n int, err error) {
	before := q.counts.received
	defer func() {
		if q.handling { // a handler did not return
			q.recovered(recover())
		}
		n = int(q.counts.received - before)
	}()
	return q.tq.Recv(q, limit)
}

// recovered contains a handler's panic. v is nil if its goroutine is ending by
// runtime.Goexit, as a test's FailNow makes it: then only the lock is let go.
func (q *queue) recovered(v any) {
	p, b := q.pkt, q.cur
	if q.by != nil {
		b = q.by
	}
	q.handling, q.by, q.again = false, nil, true
	q.out.abandon()
	q.comeOut()
	b.drop(transport.HandlerPanic)
	if v == nil {
		q.release()
		return
	}
	b.panicked(v, debug.Stack(), p.Data)
}

// Deliver is called by the transport for each packet.
//
//go:noinline
func (q *queue) Deliver(p *Packet) {
	q.counts.received++
	q.counts.bytes += uint64(len(p.Data))
	c := q.h.table[p.Protocol()].Load()
	if c == nil || c.only == nil || p.Fragment() {
		q.dispatch(c, p)
		return
	}
	b := c.only
	if b != q.cur {
		if !q.switchTo(b) {
			q.drop(transport.Closed)
			return
		}
		q.wantsEnd(b)
	}
	q.out.nowOK, q.out.slot.open = false, false
	if q.pkt != p { // to store the same pointer again and again costs more
		q.pkt = p
	}
	q.handling = true
	err := b.handler.HandlePacket(q.env, p)
	q.handling = false
	if err != nil {
		q.refused(b, err)
		return
	}
	q.counts.taken++
}

// dispatch is what Deliver does in all but the common case.
func (q *queue) dispatch(c *chain, p *Packet) {
	switch {
	case p.Fragment() && q.frags != nil:
		q.fragment(c, p)
	case c == nil:
		q.drop(transport.NoHandler)
	default:
		q.deliverChain(c, p)
	}
}

// refused deals with a packet that its only handler did not take.
func (q *queue) refused(b *Binding, err error) {
	if err == Pass {
		b.stats.passed.Add(1)
		q.drop(transport.NoHandler)
		return
	}
	b.refused(err)
}

// switchTo makes b the binding whose lock the loop holds. It fails if b was
// closed in the meantime.
func (q *queue) switchTo(b *Binding) bool {
	old := q.settle()
	q.comeOut()
	q.place.move(old, &b.lock)
	if b.closed {
		q.place.move(&b.lock, nil)
		return false
	}
	env := &b.envs[q.index]
	b.begin(env)
	q.cur, q.env = b, env
	return true
}

// wantsEnd notes that b's EndBatch is due at the end of this pass.
func (q *queue) wantsEnd(b *Binding) {
	if !b.hasEnder {
		return
	}
	if env := &b.envs[q.index]; !env.ends {
		env.ends = true
		q.ended = append(q.ended, b)
	}
}

// release lets go of the binding whose lock the loop holds, if any.
func (q *queue) release() {
	if old := q.settle(); old != nil {
		q.place.move(old, nil)
	}
}

// settle does what is to be done before the loop lets go of the lock it holds,
// and returns that, or nil.
func (q *queue) settle() *loopLock {
	b := q.cur
	if b == nil {
		return nil
	}
	if q.counts.taken != 0 {
		q.took(q.env, q.counts.taken)
		q.counts.taken = 0
	}
	if b.changed() { // which saves most the call
		q.tell(b)
	}
	b.end()
	q.cur, q.env = nil, nil
	return &b.lock
}

// tell passes on what b has changed. The lock is let go also if a function given to
// Await ends the goroutine, since then nobody does it later.
func (q *queue) tell(b *Binding) {
	returned := false
	defer func() {
		if !returned {
			b.end()
			q.cur, q.env = nil, nil
			q.place.move(&b.lock, nil)
		}
	}()
	b.tell(q)
	returned = true
}

// took counts packets that the binding of env has taken.
func (q *queue) took(env *Env, n uint64) {
	if env.taken == 0 {
		q.tallied = append(q.tallied, env)
	}
	env.taken += n
}

// publishTaken adds what took has counted to the bindings' counters.
func (q *queue) publishTaken() {
	for i, env := range q.tallied {
		env.b.stats.taken.Add(env.taken)
		env.taken = 0
		q.tallied[i] = nil
	}
	q.tallied = q.tallied[:0]
}

// finish ends a pass: EndBatch where packets were handled, then the packets
// staged by all callbacks go out, then the counts are published.
func (q *queue) finish() {
	defer q.sendOut()
	if ended := q.ended; len(ended) != 0 {
		q.ended = ended[:0] // at once: EndBatch may end the goroutine
		for _, b := range ended {
			b.envs[q.index].ends = false
		}
		for i, b := range ended {
			ended[i] = nil
			if b.concurrent {
				if b == q.inside || q.goInside(b) {
					q.endBatch(b, q.insideEnv)
				}
			} else if b == q.cur || q.switchTo(b) {
				q.endBatch(b, q.env)
			}
		}
	}
	q.release() // here, since it may end the goroutine, too
}

// sendOut is the rest of a pass.
func (q *queue) sendOut() {
	q.release()
	q.comeOut()
	if q.out.n != 0 {
		q.out.flushAll()
	}
	if q.out.n == 0 {
		q.out.giveBack()
	}
	q.stats.publish(&q.counts)
	q.publishTaken()
	q.countFragments()
}

// endBatch calls EndBatch, containing its panic.
//
//go:noinline
func (q *queue) endBatch(b *Binding, env *Env) {
	q.out.nowOK, q.out.slot.open = false, false
	returned := false
	defer func() {
		if !returned {
			q.release() // also if it ends its goroutine, which is no panic
			q.comeOut()
			q.publishTaken()
		}
	}()
	defer b.contain(&q.out)
	if err := b.batchEnder.EndBatch(env); err != nil {
		b.failed("EndBatch", err)
	}
	returned = true
}

// drop counts a packet that no handler was responsible for.
func (q *queue) drop(r DropReason) { q.stats.dropped[r].Add(1) }

// due is when the loop has something to do next, if nothing comes in.
func (q *queue) due() int64 {
	due := int64(never)
	if q.index == 0 {
		due = min(q.h.next.Load(), q.h.paths.next.Load())
	}
	if q.frags != nil {
		due = min(due, q.frags.next)
	}
	return due
}

// wait blocks until there is something to do. The first queue's loop also
// looks after timers.
func (q *queue) wait() error {
	var until time.Time
	if due := q.due(); due != never {
		until = q.h.toTime(due)
	}
	return q.tq.Wait(until)
}
