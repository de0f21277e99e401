// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"slices"

	"protean/transport"
)

// Close unregisters the handler: its Stop is called and what it sends goes
// out, timers and posted functions do not run any more, waiting calls return
// net.ErrClosed, the multicast memberships and claims made through Env end, and
// Runner's goroutine has ended when it returns (unless it is the caller).
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
	b.lock.lock()
	if stop {
		b.stop()
	}
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

	// Concurrent callbacks end, and none begins.
	if b.users.Add(closedUsers) != closedUsers {
		<-b.idle
	}
	b.postMu.Lock()
	b.posts, b.faults = nil, nil
	b.postMu.Unlock()
	b.host.forget(b)
	b.undoMu.Lock()
	for m, undo := range b.undo {
		if err := undo(); err != nil && !isClosed(err) {
			b.host.cfg.Log.Warn("proto: leave", "interface", m.ifindex, "address", m.addr, "error", err)
		}
	}
	b.undo = nil
	b.undoMu.Unlock()
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

// start tells the handler of the interfaces and calls Start.
//
//go:noinline
func (b *Binding) start() error {
	starter, _ := b.handler.(Starter)
	if starter == nil && b.linkHandler == nil {
		return nil
	}
	if !b.acquire(b.doEnv) {
		return errClosed
	}
	defer b.endDo()
	b.doOut.nowOK = false
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
	if b.opts.Foreign && !slices.ContainsFunc(*h.bindings.Load(), func(o *Binding) bool { return o.opts.Foreign }) {
		h.foreign.Store(false)
		if f, ok := transport.As[transport.ForeignReceiver](h.t); ok {
			if err := f.ReceiveForeign(false); err != nil && !isClosed(err) {
				h.cfg.Log.Warn("proto: foreign packets", "error", err)
			}
		}
	}
}
