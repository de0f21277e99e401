// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"sync"
	"sync/atomic"
)

// A Gate counts the calls in flight, so that Close can refuse new ones and
// wait for the others. Calls may nest, as a Commit within Deliver does: a lock
// could not do this.
type Gate struct {
	n    atomic.Int64 // calls in flight, plus shut once closed
	Done chan struct{}
	once sync.Once
}

const shut = 1 << 62

func NewGate() Gate { return Gate{Done: make(chan struct{})} }

// Enter reports whether a call may go on; if so, Leave must follow.
func (g *Gate) Enter() bool {
	if g.n.Add(1) < shut {
		return true
	}
	g.Leave()
	return false
}

func (g *Gate) Leave() {
	if g.n.Add(-1) == shut {
		g.once.Do(func() { close(g.Done) })
	}
}

// Closing reports whether Close was called.
func (g *Gate) Closing() bool { return g.n.Load() >= shut }

// Close makes Enter fail from now on. It must be called once. Done is closed
// when the last call has left.
func (g *Gate) Close() {
	g.n.Add(shut + 1)
	g.Leave()
}
