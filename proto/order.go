// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"time"

	"protean/transport"
)

// Over a transport.Scheduler, goroutines that wait are woken by the transport,
// in its order, and not by whoever has something for them: a callback that
// wakes a reader and goes on would run beside it.

// newTimer returns a timer of the transport's; nil if it has none.
func (h *Host) newTimer(f func()) transport.Timer {
	if s, ok := transport.As[transport.Scheduler](h.t); ok {
		return s.NewTimer(f)
	}
	return nil
}

// turn returns a channel that is closed when it is the caller's turn to go on;
// nil if it need not wait.
func (h *Host) turn() <-chan struct{} {
	c := make(chan struct{})
	t := h.newTimer(func() { close(c) })
	if t == nil {
		return nil
	}
	t.Reset(time.Time{})
	return c
}
