// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import "sync/atomic"

// loopLock is the lock of one binding, "the loop". Taking it when it is free
// is one compare-and-swap. Waiting for it blocks on a channel and not on a
// mutex, since only the former lets time pass in a testing/synctest bubble.
//
// It is the three-state lock of Drepper's "Futexes Are Tricky", with a channel
// of one slot in place of the futex. A host's receive loop, if there is only
// one, takes it in a way of its own, see loopPlace: whoever holds state then waits
// until the loop is elsewhere.
type loopLock struct {
	state atomic.Int32 // free, held, contended
	id    uint64       // its number among the locks that loop goes to; 0 is none
	wake  chan struct{}

	loop *loopPlace    // of the only loop, nil if there are several
	gone chan struct{} // the loop has left; for the one who holds state
}

const (
	lockFree = iota
	lockHeld
	lockContended // held, and somebody may be waiting
)

// init makes the lock ready. loop may be nil.
func (l *loopLock) init(loop *loopPlace) {
	l.wake = make(chan struct{}, 1)
	if loop != nil && !loop.several {
		l.loop, l.gone = loop, make(chan struct{}, 1)
		l.id = loop.made.Add(1)
	}
}

func (l *loopLock) lock() {
	if !l.state.CompareAndSwap(lockFree, lockHeld) {
		for l.state.Swap(lockContended) != lockFree {
			<-l.wake
		}
	}
	for l.loop != nil && l.loop.at.Load() == l.id {
		<-l.gone
	}
}

func (l *loopLock) unlock() (contended bool) {
	if l.state.Swap(lockFree) != lockContended {
		return false
	}
	token(l.wake)
	return true
}

func (l *loopLock) locked() bool {
	return l.state.Load() != lockFree || l.loop != nil && l.loop.at.Load() == l.id
}

// token wakes the one who waits for c, or will.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // a wake-up is pending already
	}
}
