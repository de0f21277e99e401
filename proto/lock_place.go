// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"runtime"
	"sync/atomic"
)

// A loopPlace says whose lock a receive loop holds, or is about to take. With
// it the loop goes from one binding to the next by one atomic operation, the
// store that says where it is, in place of one to unlock and one to lock.
//
// It is Dekker's algorithm: the loop says where it is, then looks whether
// somebody else is there; the others say so in the lock's state, then look where
// the loop is. Go's atomic operations have one order, so of two who come at once at
// least one sees the other. The loop steps back whenever it sees somebody; the
// others wait. The loop itself must be elsewhere when it calls lock.
//
// One goroutine at a time is the loop: who makes a pass, see queue.passing. Loops of
// several queues lock and unlock as everybody does: with a place for each, who
// wants a lock would have to look at all of them.
type loopPlace struct {
	_       [64]byte      // nothing else that the loop writes to is beside what others read
	at      atomic.Uint64 // loopLock.id; 0: nowhere
	made    atomic.Uint64 // locks made so far
	several bool          // loops: none of them has a place
	_       [64]byte
}

// move takes the loop out of old and into l, either of which may be nil.
func (p *loopPlace) move(old, l *loopLock) {
	if p.several {
		moveAmongSeveral(old, l)
		return
	}
	p.goTo(l)
	if old != nil && old.state.Load() != lockFree {
		token(old.gone)
		p.leave(l)
		runtime.Gosched() // who waits goes first, and the loop may be back soon
		p.goTo(l)
	}
	if l == nil || l.state.Load() == lockFree {
		return
	}
	p.leave(l)
	l.lock()
	p.goTo(l)
	l.unlock()
}

// moveAmongSeveral is move where there are several loops.
func moveAmongSeveral(old, l *loopLock) {
	if old != nil && old.unlock() {
		runtime.Gosched() // or a busy loop takes the lock again before whoever waits has woken up
	}
	if l != nil {
		l.lock()
	}
}

// goTo says that the loop is at l, nil for nowhere.
func (p *loopPlace) goTo(l *loopLock) {
	if l == nil {
		p.at.Store(0)
		return
	}
	p.at.Store(l.id)
}

// leave has the loop be nowhere, and tells who waits for l, which may be nil.
func (p *loopPlace) leave(l *loopLock) {
	p.goTo(nil)
	// Without this load, as in move, the send might see a token of before, and do
	// nothing, while the other takes that one and does not see the store yet.
	if l != nil && l.state.Load() != lockFree {
		token(l.gone)
	}
}
