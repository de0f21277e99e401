// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"fmt"
	"runtime/debug"
	"slices"

	"protean/transport"
)

// Close unregisters the handler: its Stop is called and what it sends goes
// out, timers and posted functions do not run any more, waiting calls return
// net.ErrClosed, the multicast memberships and claims made through Env end, and
// Runner's goroutine has ended when it returns (unless the caller is a Runner,
// of this binding or another: two that close each other would wait for ever).
// Close is idempotent. Inside a callback it returns ErrOnLoop: close from
// another goroutine.
func (b *Binding) Close() error {
	if onLoop() {
		return ErrOnLoop
	}
	b.close(true)
	return nil
}

func (b *Binding) close(stop bool) {
	if !b.host.unregister(b) {
		if !onRunner() {
			<-b.gone
		}
		return
	}
	close(b.closing)
	// Concurrent callbacks end, and none begins.
	if b.users.Add(closedUsers) != closedUsers {
		<-b.idle
	}
	b.lock.lock()
	defer b.closeRest(stop) // also if Stop ends the goroutine
	if stop {
		b.stop()
	}
}

// closeRest is what close does after Stop, with the lock held, which it lets go.
func (b *Binding) closeRest(stop bool) {
	b.closed = true
	b.timers.clear()
	b.onRoom = nil
	for _, w := range b.waiters {
		w.err = errClosed
		close(w.done)
	}
	b.waiters = nil
	b.doOut.flushAll()
	b.doOut.drain(dropReason(errClosed))
	b.lock.unlock()

	b.postMu.Lock()
	b.posts, b.faults = nil, nil
	b.postMu.Unlock()
	if stop { // or else it has not run, and has staged nothing
		b.host.awaitPasses()
	}
	b.host.forget(b)
	b.leaveAll()
	b.stopRunner()
	close(b.gone)
}

// stop calls Stop, with the lock held, containing its panic.
//
//go:noinline
func (b *Binding) stop() {
	s, ok := b.handler.(Stopper)
	if !ok {
		return
	}
	b.active, b.doEnv.live = b.doEnv, true
	defer func() { b.active, b.doEnv.live = nil, false }()
	b.doOut.nowOK = false
	defer b.contain(&b.doOut)
	s.Stop(b.doEnv)
}

// start tells the handler of the interfaces and calls Start, with the lock
// held, which it lets go.
//
//go:noinline
func (b *Binding) start() (err error) {
	starter, _ := b.handler.(Starter)
	b.active, b.doEnv.live = b.doEnv, true
	defer b.endDo()
	b.doOut.nowOK = false
	defer func() {
		if v := recover(); v != nil {
			b.panicked(v, debug.Stack(), nil)
			err = fmt.Errorf("proto: Start panicked: %v", v)
		}
	}()
	if b.linkHandler != nil {
		for _, l := range b.host.t.Interfaces() {
			if err := b.linkHandler.HandleLink(b.doEnv, &l); err != nil {
				return err
			}
		}
	}
	if starter == nil {
		return nil
	}
	return starter.Start(b.doEnv)
}

// awaitPasses waits until each loop has ended the pass it is in, and so sent
// and counted what callbacks have staged.
func (h *Host) awaitPasses() {
	for _, q := range h.queues {
		q.passing.lock()
		q.passing.unlock()
	}
}

// unregister takes b out of the table. It reports false if somebody did before.
func (h *Host) unregister(b *Binding) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := *h.bindings.Load()
	i := slices.Index(all, b)
	if i < 0 {
		return false
	}
	h.publish(slices.Delete(slices.Clone(all), i, i+1))
	return true
}

// forget ends the transport's delivery of b's protocols.
func (h *Host) forget(b *Binding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b.stats.read(&h.past)
	for _, p := range b.numbers() {
		h.unbind(p)
	}
	h.foreignOff(b)
	if len(*h.bindings.Load()) == 0 {
		h.untap()
	}
}

// foreignOff ends the delivery of packets to foreign addresses if b was the
// last to want it, with h.mu held.
func (h *Host) foreignOff(b *Binding) {
	if b.opts.Foreign && !slices.ContainsFunc(*h.bindings.Load(), func(o *Binding) bool { return o.opts.Foreign }) {
		h.foreign.Store(false)
		if f, ok := transport.As[transport.ForeignReceiver](h.t); ok {
			if err := f.ReceiveForeign(false); err != nil && !isClosed(err) {
				h.cfg.Log.Warn("proto: foreign packets", "error", err)
			}
		}
	}
}
