// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"net"
	"time"
)

// At has f called at the given time, before all that is scheduled for the same
// time later. f runs with the network unlocked, on the goroutine that drives a
// stepped network, or that of a live one, and may call everything but what
// drives or closes the network; it must not block. In
// a stepped network, Now is the given time in f.
// Errors: *[PastError] if the time is over, *[ConfigError] if f is nil,
// net.ErrClosed.
func (n *Network) At(at time.Time, f func()) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at(at, f)
}

// After is At with a time counted from now; zero is now. Errors: as for At.
func (n *Network) After(d time.Duration, f func()) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at(unix(n.clock()).Add(d), f)
}

func (n *Network) at(at time.Time, f func()) error {
	if n.closed {
		return net.ErrClosed
	}
	if f == nil {
		return &ConfigError{"action", "function", "is nil"}
	}
	now := n.clock()
	if at.Before(unix(now)) {
		return &PastError{at, unix(now)}
	}
	s := n.take(sourceAction)
	s.action = f
	n.schedule(s, addTime(now, int64(at.Sub(unix(now)))))
	switch {
	case n.inBubble():
		n.rouse()
	case n.cfg.Live:
		n.poke()
	}
	return nil
}

// acting reports whether what happens next is the call of a function of the
// program's, which must not be called with the network locked.
func (n *Network) acting() bool {
	return n.heap.len() > 0 && n.heap.top().src.kind == sourceAction
}

// act calls that function. n.mu is released while it runs, and stays so if it
// panics.
func (n *Network) act() {
	f := n.action()
	n.mu.Unlock()
	f()
	n.mu.Lock()
}

// action takes that function off the heap.
func (n *Network) action() func() {
	s := n.heap.top().src
	n.heap.remove(s)
	f := s.action
	n.release(s)
	return f
}
