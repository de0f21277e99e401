// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import "time"

// live makes the events of a live network happen that are in the future when
// they are scheduled. It blocks on channels and timers alone, so that in a
// testing/synctest bubble time can go on.
func (n *Network) live() {
	defer close(n.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		n.mu.Lock()
		if n.closed {
			n.mu.Unlock()
			return
		}
		n.catchUp()
		for n.acting() && n.heap.top().at <= n.clock() {
			n.now = n.heap.top().at
			n.act()
			n.catchUp()
		}
		n.armed = maxTime
		if n.heap.len() > 0 {
			n.armed = n.heap.top().at
		}
		d := time.Duration(n.armed - n.clock())
		n.mu.Unlock()
		timer.Reset(max(0, d))
		select {
		case <-timer.C:
		case <-n.kick:
		}
	}
}

// catchUp makes everything happen that is due, up to a function to be called,
// which the network's goroutine does.
func (n *Network) catchUp() {
	for n.heap.len() > 0 {
		at := n.heap.top().at
		if at > n.clock() || n.acting() {
			return
		}
		n.now = at
		n.fire()
	}
}

// changed is called after events were scheduled. In a live network it makes
// those happen that are due, on the goroutine of the caller, which saves a
// switch to another, and leaves the others to the network's own.
func (n *Network) changed() {
	if !n.cfg.Live || n.inBubble() || n.heap.len() == 0 {
		return
	}
	n.catchUp()
	if n.heap.len() > 0 && n.heap.top().at < n.armed {
		n.armed = n.heap.top().at
		n.poke()
	}
}

// poke has the network's goroutine look again.
func (n *Network) poke() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}
