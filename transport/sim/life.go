// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"net"
	"slices"

	"protean/transport/internal/fifo"
)

// Crash takes the node's power away. Its handles are closed, with all that
// waits in them, their groups and claims; what runs on them is not called any
// more, and finds net.ErrClosed. Packets that have not left the node are lost
// ([Down]), those on the links are not. Its neighbours see their links down,
// and what arrives at the node until it is restarted is lost. Interfaces,
// addresses and routes are configuration, and stay. It is idempotent, and does
// not wait for programs in the middle of a call.
func (nd *Node) Crash() {
	n := nd.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if nd.down || n.closed {
		return
	}
	nd.down = true
	n.topology++
	for _, t := range slices.Clone(nd.handles) {
		t.kill()
	}
	if nd.kernel != nil {
		nd.kernel.reset()
	}
	nd.carrier(n.clock())
	n.changed()
}

// Restart gives the node its power back, tells its neighbours, and calls the
// functions that OnRestart was given. It does nothing if the node has not
// crashed. Errors: that of the first function that returned one; net.ErrClosed.
func (nd *Node) Restart() error {
	n := nd.net
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return net.ErrClosed
	}
	if !nd.down {
		n.mu.Unlock()
		return nil
	}
	nd.down = false
	n.topology++
	nd.carrier(n.clock())
	n.changed()
	boot := slices.Clone(nd.boot)
	n.mu.Unlock()
	var first error
	for _, f := range boot {
		if err := f(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// OnRestart has f called by every Restart, after the functions given before:
// the programs of the node, which open handles and start anew.
func (nd *Node) OnRestart(f func() error) {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	nd.boot = append(nd.boot, f)
}

// Crashed reports whether the node has crashed and not been restarted.
func (nd *Node) Crashed() bool {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	return nd.down
}

// carrier tells the neighbours that the node's power has come or gone, and
// loses what had not left it.
func (nd *Node) carrier(now int64) {
	for i, p := range nd.ports {
		if p.out == nil {
			continue
		}
		if nd.down {
			p.out.powerCut(now)
		}
		if i > 0 && !p.out.link.down {
			p.out.to.node.linkChanged(p.out.to)
		}
	}
}

// A leaving is a packet that has not left the sender yet.
type leaving struct {
	number uint64
	left   int64 // when it will have
}

// A span is packets by their numbers.
type span struct{ from, to uint64 }

// leaves notes when a packet will have left the sender.
func (d *direction) leaves(number uint64, left, now int64) {
	for d.unsent.Len() > 0 && d.unsent.At(0).left <= now {
		d.unsent.Drop()
	}
	d.unsent.Push(leaving{number, left})
}

// powerCut loses the packets that have not left the sender: on a loopback
// interface, all. They are counted when they would have arrived.
func (d *direction) powerCut(now int64) {
	if d.link == nil {
		d.cut()
		return
	}
	for d.unsent.Len() > 0 && d.unsent.At(0).left <= now {
		d.unsent.Drop()
	}
	if d.unsent.Len() == 0 {
		return
	}
	first, last := d.unsent.At(0).number, d.unsent.At(d.unsent.Len()-1).number
	d.dead = append(d.dead, span{first, last + 1})
	d.unsent = fifo.Queue[leaving]{}
	d.pipe.Reset()
}

// died reports whether a packet was lost in a power cut.
func (d *direction) died(number uint64) bool {
	return slices.ContainsFunc(d.dead, func(s span) bool { return s.from <= number && number < s.to })
}

// kill closes the handle without waiting for calls in flight.
func (t *Transport) kill() {
	if t.closed {
		return
	}
	t.closed, t.killed = true, true
	t.q.signal()
	if t.calls == 0 {
		t.free()
	}
}
