// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import "sync/atomic"

// loopLock is the lock of one binding, "the loop". Taking it when it is free
// is one compare-and-swap. Waiting for it blocks on a channel and not on a
// mutex, since only the former lets time pass in a testing/synctest bubble.
//
// It is the three-state lock of Drepper's "Futexes Are Tricky", with a channel
// of one slot in place of the futex.
type loopLock struct {
	state atomic.Int32 // free, held, contended
	wake  chan struct{}
}

const (
	lockFree = iota
	lockHeld
	lockContended // held, and somebody may be waiting
)

func (l *loopLock) init() { l.wake = make(chan struct{}, 1) }

func (l *loopLock) tryLock() bool { return l.state.CompareAndSwap(lockFree, lockHeld) }

func (l *loopLock) lock() {
	if l.tryLock() {
		return
	}
	for l.state.Swap(lockContended) != lockFree {
		<-l.wake
	}
}

func (l *loopLock) unlock() (contended bool) {
	if l.state.Swap(lockFree) != lockContended {
		return false
	}
	select {
	case l.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
	return true
}

func (l *loopLock) locked() bool { return l.state.Load() != lockFree }
