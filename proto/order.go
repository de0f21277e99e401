// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"sync"
	"time"

	"protean/transport"
)

// Over a transport.Scheduler, goroutines that wait are woken by the transport,
// in its order, and not by whoever has something for them: a callback that
// wakes a reader and goes on would run beside it.

// A sendLock is held by one goroutine that sends, in single calls that do not
// block.
type sendLock struct {
	sync.Mutex
	scheduler transport.Scheduler // is told when several want it at once, if not nil
}

func (l *sendLock) init(h *Host) { l.scheduler, _ = transport.As[transport.Scheduler](h.t) }

// lockToSend is Lock for who is about to send.
func (l *sendLock) lockToSend() {
	if l.TryLock() {
		return
	}
	if l.scheduler != nil {
		l.scheduler.Contended()
	}
	l.Lock()
}

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
