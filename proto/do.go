// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"protean/transport"
)

// Do runs f on the loop, on the caller's goroutine, and returns when f has
// returned and what it sent has been handed to the transport. It is how an
// application calls into its protocol. Errors: net.ErrClosed; ErrOnLoop inside
// a callback, where f can be called directly. A panic of f goes to the caller.
func (b *Binding) Do(f func(*Env)) error {
	if onLoop() {
		return ErrOnLoop
	}
	return b.do(f)
}

func (b *Binding) do(f func(*Env)) error {
	if !b.acquire() {
		return errClosed
	}
	defer b.endDo()
	b.doOut.nowOK = false
	call(f, b.doEnv)
	return nil
}

func (b *Binding) endDo() {
	defer b.endDoSending() // also if a function given to Await ends the goroutine
	b.doOut.abandon()
	b.runNotified()
}

func (b *Binding) endDoSending() {
	if b.doOut.n != 0 {
		if b.doOut.flushAll(); b.doOut.stuck {
			b.host.starve() // room may have come before it was asked for
		}
	}
	if b.doOut.n == 0 {
		b.doOut.giveBack()
	}
	b.release()
}

// Post has f run on the loop later; it can be called from anywhere, also from
// within callbacks. Functions run in the order in which they were posted. If
// nobody drives the host, they wait. The error is net.ErrClosed.
func (b *Binding) Post(f func(*Env)) error {
	if b.users.Load() < 0 {
		return errClosed
	}
	b.postMu.Lock()
	b.posts = append(b.posts, f)
	b.postMu.Unlock()
	b.needService()
	return nil
}

// needService has the loop look after b.
func (b *Binding) needService() {
	b.posted.Store(true)
	b.host.wakeLoop()
}

// A waiter is an Await in progress.
type waiter struct {
	f    func(*Env) bool
	done chan struct{} // closed when f returned true or the binding was closed
	err  error

	over bool            // f returned true, panicked, or ended its goroutine
	wake transport.Timer // closes done then, if not nil
}

// finish tells the caller of Await that f is done.
func (w *waiter) finish() {
	if w.over = true; w.wake != nil {
		w.wake.Reset(time.Time{})
		return
	}
	close(w.done)
}

// Await runs f on the loop, now and after each Env.Notify, until it returns
// true. It is how blocking calls are built on top of a loop. If cancel, which
// may be nil, is closed first, it returns context.Canceled. Other errors:
// net.ErrClosed; ErrOnLoop inside a callback; ErrStepped if f is not true at
// once and the host is driven by Poll, since nothing would change meanwhile.
func (b *Binding) Await(cancel <-chan struct{}, f func(*Env) bool) error {
	if onLoop() {
		return ErrOnLoop
	}
	var w *waiter
	err := b.do(func(env *Env) {
		if f(env) {
			return
		}
		w = &waiter{f: f, done: make(chan struct{})}
		if !b.host.stepped() {
			w.wake = b.host.newTimer(func() { close(w.done) })
			b.waiters = append(b.waiters, w)
		}
	})
	switch {
	case err != nil || w == nil:
		return err
	case b.host.stepped():
		return ErrStepped
	}
	select {
	case <-w.done:
		return w.err
	case <-cancel:
	}
	// f may be running: it must not any more once Await has returned.
	b.lock.lock()
	defer b.lock.unlock()
	select {
	case <-w.done:
		return w.err
	default:
		if w.over {
			return w.err
		}
	}
	b.removeWaiter(w)
	return context.Canceled
}

func (b *Binding) removeWaiter(w *waiter) {
	for i, x := range b.waiters {
		if x == w {
			b.waiters = append(b.waiters[:i], b.waiters[i+1:]...)
			return
		}
	}
}

// runNotified looks at the functions of Await if Notify was called, and again
// as long as one that is done has called it itself.
func (b *Binding) runNotified() {
	for b.notified.Load() && b.notified.Swap(false) {
		if n := len(b.waiters); n == 0 {
			return
		} else if b.runWaiters(b.active); len(b.waiters) == n {
			if b.notified.Load() { // no progress: let others have their turn
				b.needService()
			}
			return
		}
	}
}

// runWaiters looks at the functions of Await again, in order of arrival.
func (b *Binding) runWaiters(env *Env) {
	all, keep, i := b.waiters, b.waiters[:0], 0
	defer func() { // also if one ends the goroutine, before the others' turn
		keep = append(keep, all[i:]...)
		clear(all[len(keep):])
		b.waiters = keep
	}()
	for i < len(all) {
		w := all[i]
		i++
		if b.runWaiter(w, env); !w.over {
			keep = append(keep, w)
		}
	}
}

// errAwaitEnded is the result of an Await whose function did not return.
var errAwaitEnded = errors.New("proto: function given to Await has ended its goroutine")

// runWaiter calls the function of w, and finishes w if that is done.
func (b *Binding) runWaiter(w *waiter, env *Env) {
	done, returned := true, false
	defer func() {
		if !returned {
			env.o.abandon()
			w.err = errAwaitEnded
			if v := recover(); v != nil {
				w.err = fmt.Errorf("proto: function given to Await panicked: %v", v)
				b.panicked(v, debug.Stack(), nil)
			}
		}
		if done {
			w.finish()
		}
	}()
	call(func(env *Env) { done = w.f(env) }, env)
	returned = true
}

// stepped reports whether the host is driven by Poll, so that a call must not
// wait for something to happen.
func (h *Host) stepped() bool { return h.caps.Stepped || h.mode.Load() == modePoll }
