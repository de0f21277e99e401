// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/netns"
	"protean/transport/internal/sockio"
)

// A Transport is a set of packet sockets on one interface. It implements
// [transport.Transport], [transport.Router], [transport.Multicaster],
// [transport.Claimer], [transport.ForeignReceiver] and [transport.StatsReader].
type Transport struct {
	cfg    Config
	caps   transport.Caps
	ns     *netns.Handle
	link   link
	calls  sockio.Gate
	queues []*queue

	ifs    sockio.Interfaces
	links  sockio.LinkMonitor // of the first queue's receiving goroutine
	policy atomic.Pointer[policy]
	status atomic.Pointer[transport.Interface] // as it was seen last; never changed
	gone   atomic.Pointer[error]               // the interface is, for good

	followed atomic.Uint64 // the routes' generation at which sending has looked at status last, 0: at none

	// mu guards what follows. It is never held during a callback or while
	// waiting for another call.
	mu      sync.Mutex
	bound   map[int]*binding
	foreign bool
	groups  sockio.Groups
	member  members
	own     []transport.Interface // all of the namespace

	claims claims

	hops hops

	closeOnce sync.Once
}

var (
	_ transport.Transport       = (*Transport)(nil)
	_ transport.Router          = (*Transport)(nil)
	_ transport.Multicaster     = (*Transport)(nil)
	_ transport.Claimer         = (*Transport)(nil)
	_ transport.ForeignReceiver = (*Transport)(nil)
	_ transport.StatsReader     = (*Transport)(nil)
)

// Queues returns the queues, as many as Config.Queues says.
func (t *Transport) Queues() []transport.Queue {
	all := make([]transport.Queue, len(t.queues))
	for i, q := range t.queues {
		all[i] = q
	}
	return all
}

// Caps says what this transport does and does not do.
func (t *Transport) Caps() transport.Caps { return t.caps }

// Interfaces returns the interface of the transport, or nothing if it is gone.
func (t *Transport) Interfaces() []transport.Interface {
	if !t.calls.Enter() {
		return nil
	}
	defer t.calls.Leave()
	all, _ := t.ifs.List(t.link.index)
	return all
}

// VLAN returns the VLAN tag of the packet that queue i is delivering, of the
// outermost one if there are several, and whether it has one that the kernel
// told of, which takes Config.All. It may be called from within Deliver only.
func (t *Transport) VLAN(i int) (tag wire.VLANTag, ok bool) {
	if r := &t.queues[i].rx; r.tagged {
		return r.tag, true
	}
	return tag, false
}

// Stats implements [transport.StatsReader].
func (t *Transport) Stats() transport.Stats {
	if t.calls.Enter() {
		for _, q := range t.queues {
			q.readDrops()
			q.tx.ring.again(q)
		}
		t.calls.Leave()
	}
	var sum transport.Stats
	for _, q := range t.queues {
		q.stats.addTo(&sum)
		sum.Lost += q.lost.Load()
	}
	return sum
}

// interfaceGone makes Recv and Wait fail from now on.
func (t *Transport) interfaceGone() {
	err := callError("read", "interface "+t.cfg.Interface, unix.ENODEV)
	if t.gone.CompareAndSwap(nil, &err) {
		for _, q := range t.queues {
			q.Wake()
		}
	}
}

// err returns the error that Recv and Wait end with, if any.
func (t *Transport) err() error {
	if e := t.gone.Load(); e != nil {
		return *e
	}
	return nil
}

// Close implements [transport.Transport]. Packets that wait for a neighbour's
// address, or in a transmit ring for room, are given a second to be sent, all of them
// together. The error is always nil.
func (t *Transport) Close() error {
	t.closeOnce.Do(func() {
		t.calls.Close()
		for _, q := range t.queues {
			q.Wake()
		}
		<-t.calls.Done
		for _, b := range t.bound {
			b.guard.Close()
		}
		t.drain()
		// Closing a packet socket waits until no processor is receiving for it
		// (synchronize_net in net/packet/af_packet.c), some milliseconds that all
		// sockets may as well wait at once.
		var sockets sync.WaitGroup
		for _, q := range t.queues {
			q.close(&sockets)
		}
		sockets.Go(t.member.close)
		sockets.Wait()
		t.claims.close()
		t.hops.close()
		t.links.Close()
		t.ifs.Close()
		t.ns.Close()
	})
	return nil
}

// drain sends what still waits in any queue, for a second.
func (t *Transport) drain() {
	end := time.Now().Add(closePatience)
	var queues sync.WaitGroup
	for _, q := range t.queues {
		queues.Go(func() { q.drain(end) })
	}
	queues.Wait()
}
