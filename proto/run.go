// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// A run is a call of Host.Run in progress.
type run struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	ended  atomic.Bool
	wg     sync.WaitGroup // loops but the first, and runners
}

// Run drives the host: for each queue of the transport a loop of receiving and
// waiting, the first of them on the caller's goroutine, and a goroutine for
// each Runner. It returns nil when ctx has ended, and an error when the
// transport fails or is closed. All goroutines it started have ended then. The
// handlers stay registered; Run may be called again, and calls that wait for packets,
// room or a state wait for that, until their deadline, or until what they are made on
// is closed. A callback that ends its goroutine (runtime.Goexit) ends Run, which then
// returns an error, or not at all if the goroutine was the caller's. Errors: ErrRunning
// while Run or Poll runs; ErrStepped on a transport that is driven step by step.
func (h *Host) Run(ctx context.Context) error {
	if h.caps.Stepped {
		return ErrStepped
	}
	if h.polling.Swap(true) {
		return ErrRunning
	}
	started := h.setMode(modeRun, h.clock())
	h.polling.Store(false)
	if !started {
		return ErrRunning
	}
	defer h.mode.Store(modeIdle)
	r := new(run)
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	woken := make(chan struct{})
	context.AfterFunc(r.ctx, func() {
		defer close(woken)
		r.ended.Store(true)
		for _, q := range h.queues {
			q.tq.Wake()
		}
	})
	defer func() { // also where a callback ends this goroutine (runtime.Goexit)
		r.cancel(nil)
		<-woken
		h.turns.Add(1)
		h.roomFound() // who waits for it finds out whether the transport is closed
		h.mu.Lock()
		h.run = nil
		h.mu.Unlock()
		r.wg.Wait()
	}()
	if turn := h.turn(); turn != nil { // who started this goroutine may go on
		select {
		case <-turn:
		case <-r.ctx.Done():
		}
	}
	h.mu.Lock()
	h.run = r
	all := *h.bindings.Load()
	h.mu.Unlock()
	for _, b := range all {
		h.startRunner(b)
	}
	for _, q := range h.queues[1:] {
		r.wg.Go(func() {
			err := errLoopEnded // unless it returns
			defer func() { r.cancelOn(err) }()
			err = q.loop(r)
		})
	}
	r.cancelOn(h.queues[0].loop(r))
	if err := context.Cause(r.ctx); ctx.Err() == nil && err != context.Canceled {
		return err
	}
	return nil
}

var errLoopEnded = errors.New("proto: a callback has ended the goroutine of a receive loop")

// cancelOn ends the run when one of its loops ends with an error.
func (r *run) cancelOn(err error) {
	if err != nil {
		r.cancel(err)
	}
}

// loop receives and waits until the run has ended.
func (q *queue) loop(r *run) error {
	for !r.ended.Load() {
		more, err := q.pass()
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if err := q.wait(); err != nil {
			return err
		}
		if q.index == 0 {
			q.h.turns.Add(1)
			q.h.roomFound()
		}
	}
	return nil
}

// startRunner starts b's Runner if it has one and Run is in progress.
func (h *Host) startRunner(b *Binding) {
	if b.runner == nil || !b.started.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.run
	if r == nil || r.ctx.Err() != nil {
		return
	}
	b.runMu.Lock()
	defer b.runMu.Unlock()
	if b.runDone != nil || b.users.Load() < 0 {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan struct{})
	b.runCancel, b.runDone = cancel, done
	turn := h.turn()
	r.wg.Go(func() {
		if turn != nil {
			select {
			case <-turn:
			case <-ctx.Done():
			}
		}
		defer func() {
			b.runMu.Lock()
			b.runDone = nil
			b.runMu.Unlock()
			cancel()
			close(done)
		}()
		b.runRunner(ctx)
	})
}

// runRunner calls Run, containing its panic.
//
//go:noinline
func (b *Binding) runRunner(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			b.panicked(v, debug.Stack(), nil)
		}
	}()
	if err := b.runner.Run(ctx, b); err != nil && !errors.Is(err, ctx.Err()) {
		b.failed("Run", err)
	}
}

// stopRunner ends b's Runner and waits for it, unless the caller is one.
func (b *Binding) stopRunner() {
	b.runMu.Lock()
	cancel, done := b.runCancel, b.runDone
	b.runMu.Unlock()
	if done == nil {
		return
	}
	cancel()
	if !onRunner() {
		<-done
	}
}
