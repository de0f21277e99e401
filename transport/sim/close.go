// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"runtime"

	"protean/transport/internal/fifo"
)

// Close implements [transport.Transport]. What was committed is on its way
// already and arrives.
func (t *Transport) Close() error {
	n := t.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if t.q.receiving && insideRecv() {
		return unsupported("Close from within Deliver or Event")
	}
	if !t.closed {
		t.closed = true
		t.q.signal()
	}
	if t.calls > 0 {
		if t.idle == nil {
			t.idle = make(chan struct{})
		}
		idle := t.idle
		n.mu.Unlock()
		<-idle
		n.mu.Lock()
	}
	t.free()
	return nil
}

// free gives everything back. No call is in flight.
func (t *Transport) free() {
	if t.killed && t.q.delivering { // somebody may still look at it
		t.q.cur.buf = nil
	}
	t.q.settle()
	nd := t.node
	for i, o := range nd.handles {
		if o == t {
			nd.handles = append(nd.handles[:i:i], nd.handles[i+1:]...)
			break
		}
	}
	for len(t.claims) > 0 {
		t.unclaim(0)
	}
	t.all, t.bits, t.groups = false, [4]uint64{}, groups{}
	t.foreign = false
	t.discard()
	t.stepper = nil
	t.net.heap.remove(&t.timer)
	t.arrivals, t.notes = fifo.Queue[arrival]{}, fifo.Queue[note]{}
	for i, buf := range t.lent.bufs {
		// The caller may still hold the slot, so the memory is not used again.
		if buf != nil {
			t.lent.bufs[i] = nil
		}
	}
	t.lent.n = 0
}

// leave ends a call in flight.
func (t *Transport) leave() {
	if t.calls--; t.calls > 0 {
		return
	}
	if t.killed {
		t.free()
	}
	if t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// insideRecv reports whether the caller was called, through Deliver or Event,
// by Recv: waiting for that Recv would never end.
func insideRecv() bool {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		if n == 0 {
			return false
		}
		frames := runtime.CallersFrames(pcs[:n])
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if f.Function == recvName {
				return true
			}
		}
	}
}

// recvName is the name of Recv in a stack.
const recvName = "protean/transport/sim.(*queue).Recv"
