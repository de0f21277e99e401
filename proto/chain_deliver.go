// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"runtime/debug"

	"protean/transport"
)

// deliverChain offers p to all who may want it.
func (q *queue) deliverChain(c *chain, p *Packet) {
	observed := c.tap
	if c.tap {
		q.tap(p)
	}
	for _, b := range c.observers {
		if b.accepts(p) == transport.DropNone {
			observed = q.observe(b, p) || observed
		}
	}
	if len(c.takers) == 0 && observed {
		q.stats.observed.Add(1)
		return
	}
	reason := transport.NoHandler
	for _, b := range c.takers {
		if b.opts.Last && reason != transport.NoHandler {
			break
		}
		if r := b.accepts(p); r != transport.DropNone {
			reason = r
			continue
		}
		err, ok := q.handle(b, p)
		switch {
		case !ok:
			reason = transport.Closed
		case err == nil && b == q.inside:
			q.insideTaken++
			return
		case err == nil:
			q.took(&b.envs[q.index], 1)
			return
		case err == Pass:
			b.stats.passed.Add(1)
			reason = transport.NoHandler
		default:
			b.refused(err)
			return
		}
	}
	q.drop(reason)
}

// observe shows p to an observer, whose result and whose panic do not decide
// what becomes of the packet.
func (q *queue) observe(b *Binding, p *Packet) (seen bool) {
	defer func() {
		if !q.handling {
			return
		}
		v := recover()
		q.handling, q.by, q.again = false, nil, true
		q.out.abandon()
		q.comeOut()
		if v == nil { // runtime.Goexit
			q.release()
			return
		}
		b.panicked(v, debug.Stack(), p.Data)
		seen = true
	}()
	err, ok := q.handle(b, p)
	switch {
	case !ok:
		return false
	case err == nil:
		b.stats.observed.Add(1)
	case err == Pass:
		b.stats.passed.Add(1)
	default:
		b.stats.observed.Add(1)
		b.failed("HandlePacket", err)
	}
	return true
}

// handle calls one handler of a chain; ok is false if it was closed.
func (q *queue) handle(b *Binding, p *Packet) (err error, ok bool) {
	if b.concurrent {
		return q.handleConcurrent(b, p)
	}
	if b != q.cur {
		if !q.switchTo(b) {
			return nil, false
		}
		q.wantsEnd(b)
	}
	q.out.nowOK, q.out.slot.open = false, false
	q.pkt, q.handling = p, true
	err = b.handler.HandlePacket(q.env, p)
	q.handling = false
	return err, true
}

// handleConcurrent calls a handler without the lock, once per queue at a time,
// with an Env of the queue's own.
func (q *queue) handleConcurrent(b *Binding, p *Packet) (err error, ok bool) {
	if b != q.inside {
		if !q.goInside(b) {
			return nil, false
		}
		q.wantsEnd(b)
	}
	q.out.nowOK, q.out.slot.open = false, false
	q.by, q.pkt, q.handling = b, p, true
	err = b.handler.HandlePacket(q.insideEnv, p)
	q.by, q.handling = nil, false
	return err, true
}

// goInside makes b the Concurrent binding that the loop counts as a user of. It
// stays one for the packets that follow: all queues count in the same place, and
// with a count for each packet they would wait for each other.
func (q *queue) goInside(b *Binding) bool {
	q.comeOut()
	if !b.enter() {
		return false
	}
	q.release() // a loop must not hold one handler's lock while inside another
	if !b.started.Load() {
		b.lock.lock() // Start is running
		b.lock.unlock()
	}
	q.inside, q.insideEnv = b, &b.envs[q.index]
	q.insideEnv.live = true
	return true
}

// comeOut undoes goInside, and counts what was taken meanwhile.
func (q *queue) comeOut() {
	b := q.inside
	if b == nil {
		return
	}
	if q.insideTaken != 0 {
		q.took(q.insideEnv, q.insideTaken)
		q.insideTaken = 0
	}
	q.insideEnv.live = false
	q.inside, q.insideEnv = nil, nil
	b.leave()
}
