// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"net"
	"sync"
	"time"
)

// ErrInUse is returned by Close when a reader or writer has not left in time.
// The memory stays mapped; Close can be called again.
var ErrInUse = errors.New("ring: still in use, and so not unmapped")

// closePatience is how long Close waits for who is inside, if nothing else is
// set.
const closePatience = 5 * time.Second

// A gate keeps a ring's memory mapped for as long as somebody is inside.
type gate struct {
	mu      sync.Mutex
	inside  int
	closing bool
	gone    bool          // closed for good
	empty   chan struct{} // made by shut, closed by the last to leave

	patience time.Duration // 0: closePatience
	shutting sync.Mutex    // held by a shut, so that another returns when all is done
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return net.ErrClosed
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// shut lets nobody in any more, calls wake, waits until nobody is inside and
// calls end, once.
func (g *gate) shut(wake func(), end func() error) error {
	g.shutting.Lock()
	defer g.shutting.Unlock()
	g.mu.Lock()
	g.closing = true
	if g.gone {
		g.mu.Unlock()
		return nil
	}
	if g.inside > 0 {
		if g.empty == nil {
			g.empty = make(chan struct{})
		}
		empty := g.empty
		g.mu.Unlock()
		wake()
		limit := g.patience
		orDefault(&limit, closePatience)
		patience := time.NewTimer(limit)
		defer patience.Stop()
		select {
		case <-empty:
		case <-patience.C:
			return ErrInUse
		}
		g.mu.Lock()
	}
	g.gone = true
	g.mu.Unlock()
	return end()
}
