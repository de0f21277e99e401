// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"time"

	"protean/transport"
	"protean/transport/internal/fifo"
)

// A Transport is a handle on a node: what a program there has opened. A node
// may have several; each one that has bound a packet's protocol gets the
// packet, as with raw sockets.
type Transport struct {
	net   *Network
	node  *Node
	name  string
	limit int // packets in arrivals, stamps not received
	q     queue

	// Guarded by net.mu.
	closed  bool
	killed  bool          // closed by a crash, which waits for nobody
	calls   int           // in Recv or Wait
	idle    chan struct{} // closed when closed and calls is 0, if not nil
	foreign bool
	all     bool      // AnyProtocol is bound
	bits    [4]uint64 // protocols bound
	groups  groups
	claims  []claim
	stats   transport.Stats

	arrivals fifo.Queue[arrival]
	notes    fifo.Queue[note]
	lost     uint64 // since the last PacketsLost
	lent     lent
	stamps   int  // asked for and not received yet
	starved  bool // ErrNoSlots was returned since there was room

	stepper Stepper
	queued  bool   // in net.runnable
	timer   source // when the stepper wants to be called, or Wait to return

	// In a bubble: what the loop has not seen to yet.
	rank    int // among the handles of the node
	touched bool
	look    bool // its goroutine is to be woken
	outbox  fifo.Queue[posted]
	rearmed []*Timer
	timers  int  // ever made
	sending bool // Commit waits for quiet
	warned  bool // of sends that have no order
	quiet   quiet
}

var (
	_ transport.Transport       = (*Transport)(nil)
	_ transport.Multicaster     = (*Transport)(nil)
	_ transport.Router          = (*Transport)(nil)
	_ transport.ForeignReceiver = (*Transport)(nil)
	_ transport.StatsReader     = (*Transport)(nil)
	_ transport.Clock           = (*Transport)(nil)
	_ transport.Scheduler       = (*Transport)(nil)
)

func newTransport(nd *Node, handle string, limit int) *Transport {
	t := &Transport{net: nd.net, node: nd, name: handle, limit: limit}
	t.q.t = t
	t.q.token = make(chan struct{}, 1)
	t.timer = source{kind: sourceTimer, t: t}
	t.quiet.init()
	return t
}

// Node returns the node it is a handle on.
func (t *Transport) Node() *Node { return t.node }

// String returns the handle's name: that of its node and a number, "a#1".
func (t *Transport) String() string { return t.name }

// Queues implements [transport.Transport]. There is one queue.
func (t *Transport) Queues() []transport.Queue { return []transport.Queue{&t.q} }

// Caps implements [transport.Transport].
func (t *Transport) Caps() transport.Caps {
	return transport.Caps{
		Name:      name,
		Batch:     batch,
		MaxPacket: maxPacket,
		V4:        true,
		V6:        true,
		Stepped:   !t.net.cfg.Live,
		Foreign:   true,
		TxTime:    transport.TimeUser,
		Known4:    transport.FieldsAll4,
		Known6:    transport.FieldsAll6,
	}
}

// Now implements [transport.Clock]: the network's time.
func (t *Transport) Now() time.Time { return t.net.Now() }

// Interfaces implements [transport.Transport]. The first one is the loopback
// interface.
func (t *Transport) Interfaces() []transport.Interface {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	all := make([]transport.Interface, 0, len(t.node.ports))
	for _, p := range t.node.ports {
		if !p.removed {
			all = append(all, p.snapshot())
		}
	}
	return all
}

// Stats implements [transport.StatsReader]. A packet counts as received when
// Recv takes it from the queue in front of the handle; packets that wait there
// when they are no longer wanted count as dropped with the reason Closed.
func (t *Transport) Stats() transport.Stats {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	return t.stats
}

// ReceiveForeign implements [transport.ForeignReceiver]: with on, every packet
// that arrives at the node is delivered if its protocol is bound, multicast
// groups nobody joined included.
func (t *Transport) ReceiveForeign(on bool) error {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if err := t.usable(); err != nil {
		return err
	}
	t.foreign = on
	t.net.topology++
	return nil
}

// ready has whoever receives from t look at it.
func (t *Transport) ready() {
	switch {
	case t.net.inBubble():
		t.look = true
		t.touch()
	case t.net.cfg.Live:
		t.q.signal()
	default:
		t.run()
	}
}
