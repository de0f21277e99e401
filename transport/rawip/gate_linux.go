// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"sync"
	"sync/atomic"
)

// A gate counts the calls in flight, so that Close can refuse new ones and
// wait for the others. Calls may nest, as a Commit within Deliver does: a lock
// could not do this.
type gate struct {
	n    atomic.Int64 // calls in flight, plus shut once closed
	done chan struct{}
	once sync.Once
}

const shut = 1 << 62

func newGate() gate { return gate{done: make(chan struct{})} }

// enter reports whether a call may go on; if so, leave must follow.
func (g *gate) enter() bool {
	if g.n.Add(1) < shut {
		return true
	}
	g.leave()
	return false
}

func (g *gate) leave() {
	if g.n.Add(-1) == shut {
		g.once.Do(func() { close(g.done) })
	}
}

// closing reports whether close was called.
func (g *gate) closing() bool { return g.n.Load() >= shut }

// close makes enter fail from now on. It must be called once. done is closed
// when the last call has left.
func (g *gate) close() {
	g.n.Add(shut + 1)
	g.leave()
}
