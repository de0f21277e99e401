// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/multi"
	"protean/transport/sim"
)

// A narrow transport has no room when it says so.
type narrow struct {
	transport.Transport
	q *narrowQueue
}

type narrowQueue struct {
	transport.Queue
	full    bool
	onFull  func() // called before ErrNoSlots is returned
	refused int
}

func narrowed(t transport.Transport) *narrow {
	return &narrow{t, &narrowQueue{Queue: t.Queues()[0]}}
}

func (n *narrow) Unwrap() transport.Transport { return n.Transport }
func (n *narrow) Queues() []transport.Queue   { return []transport.Queue{n.q} }

func (q *narrowQueue) Reserve(b *transport.Batch, n int) error {
	if q.full {
		q.refused++
		if q.onFull != nil {
			q.onFull()
		}
		return transport.ErrNoSlots
	}
	return q.Queue.Reserve(b, n)
}

// beside returns the queues of two joined transports on live networks, the second
// of which is narrow.
func beside(t *testing.T) (first, second transport.Queue, n *narrowQueue) {
	t.Helper()
	w := newWires(t, sim.New(&sim.Config{Live: true}), 2, nil)
	tight := narrowed(w.handles[1])
	joined := must[*multi.Transport](t)(multi.New(w.handles[0], tight))
	t.Cleanup(func() { joined.Close() })
	return joined.Queues()[0], joined.Queues()[1], tight.q
}

// staged is a packet to the peer on the second network.
func staged(t *testing.T, q transport.Queue) *transport.Batch {
	t.Helper()
	b := &transport.Batch{}
	must[struct{}](t)(struct{}{}, q.Reserve(b, 1))
	b.Slots[0].Data = append(b.Slots[0].Data, packet("0.0.0.0", "10.0.1.2")...)
	return b
}

// Room that another member has again just before anybody asks to be told of it.
func TestRoomThatComesInBetweenIsSeen(t *testing.T) {
	first, second, tight := beside(t)
	tight.full = true
	tight.onFull = func() { // the loop of the second member finds room, and nobody who waits
		tight.full = false
		second.Wake()
		must[struct{}](t)(struct{}{}, second.Wait(time.Time{}))
	}
	b := staged(t, first)
	if sent, err := first.Commit(b, 1); sent == 1 && err == nil {
		return
	} else if sent != 0 || err != transport.ErrNoSlots {
		t.Fatalf("sent %d, %v", sent, err)
	}
	until := time.Now().Add(10 * time.Second)
	must[struct{}](t)(struct{}{}, first.Wait(until))
	if !time.Now().Before(until) {
		t.Error("nobody said that there is room")
	}
}

// Who found no room at another member is woken by its loop, whether that waits or
// has packets all the time.
func TestWhoFoundNoRoomIsWoken(t *testing.T) {
	for name, turn := range map[string]func(transport.Queue) error{
		"the other loop waits": func(q transport.Queue) error {
			q.Wake()
			return q.Wait(time.Time{})
		},
		"the other loop is busy": func(q transport.Queue) error {
			_, err := q.Recv(new(counter), 1)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			first, second, tight := beside(t)
			tight.full = true
			b := staged(t, first)
			for range 3 { // it may ask as often as it likes
				if sent, err := first.Commit(b, 1); sent != 0 || err != transport.ErrNoSlots || len(b.Slots) != 1 {
					t.Fatalf("sent %d, %v, %d slots left", sent, err, len(b.Slots))
				}
			}
			tight.full = false
			must[struct{}](t)(struct{}{}, turn(second))
			until := time.Now().Add(10 * time.Second)
			must[struct{}](t)(struct{}{}, first.Wait(until))
			if !time.Now().Before(until) {
				t.Fatal("not woken")
			}
			if sent, err := first.Commit(b, 1); sent != 1 || err != nil {
				t.Errorf("then sent %d, %v", sent, err)
			}
		})
	}
}

// All of a joined transport's loops end when it is closed, whatever they wait for.
func TestCloseEndsEveryLoop(t *testing.T) {
	w := newWires(t, sim.New(&sim.Config{Live: true}), 3, nil)
	joined := w.join(t)
	ended := make(chan error)
	for _, q := range joined.Queues() {
		go func() {
			for {
				if err := q.Wait(time.Time{}); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	must[struct{}](t)(struct{}{}, joined.Close())
	for range joined.Queues() {
		if err := <-ended; !isClosed(err) {
			t.Errorf("Wait: %v", err)
		}
	}
	if err := joined.Queues()[2].Reserve(&transport.Batch{}, 1); !isClosed(err) {
		t.Errorf("Reserve: %v", err)
	}
	must[struct{}](t)(struct{}{}, joined.Close())
}

// A panic in Deliver passes through, the packet counts, and the next one comes.
func TestAPanicInDeliver(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 2, nil)
	joined := w.join(t)
	defer joined.Close()
	must[struct{}](t)(struct{}{}, joined.Bind(253))
	for range 2 {
		must[struct{}](t)(struct{}{}, send(t, w.peers[1], "10.0.1.2", "10.0.1.1"))
	}
	must[struct{}](t)(struct{}{}, n.Run(time.Second))
	q := joined.Queues()[1]
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic came through")
			}
		}()
		q.Recv(panicking{}, 10)
	}()
	var seen indices
	if k, err := q.Recv(&seen, 10); k != 1 || err != nil || seen != 1<<20+2 {
		t.Errorf("then %d packets, %v, interface %d", k, err, seen)
	}
}

type panicking struct{}

func (panicking) Deliver(*transport.Packet) { panic("in Deliver") }
func (panicking) Event(*transport.Event)    {}

// indices is that of the latest packet's interface.
type indices int

func (i *indices) Deliver(p *transport.Packet) { *i = indices(p.IfIndex) }
func (*indices) Event(*transport.Event)        {}

// A protocol that was bound stays so where it is, when binding it again fails.
func TestBindingAgainInVainChangesNothing(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 2, nil)
	joined := w.join(t)
	defer joined.Close()
	must[struct{}](t)(struct{}{}, joined.Bind(253))
	w.handles[1].Close()
	if err := joined.Bind(253); !isClosed(err) {
		t.Fatalf("Bind: %v", err)
	}
	must[struct{}](t)(struct{}{}, send(t, w.peers[0], "10.0.0.2", "10.0.0.1"))
	must[struct{}](t)(struct{}{}, n.Run(time.Second))
	var c counter
	if _, err := joined.Queues()[0].Recv(&c, 10); err != nil || c != 1 {
		t.Errorf("%d packets, %v", c, err)
	}
}

// A slot has room for the largest packet that is said to fit, from every member.
func TestSlotsHoldWhatTheCapsSay(t *testing.T) {
	w := newWires(t, sim.New(nil), 2, nil)
	joined := must[*multi.Transport](t)(multi.New(w.handles[0], smaller{w.handles[1]}))
	defer joined.Close()
	if most := joined.Caps().MaxPacket; most != 1500 {
		t.Errorf("MaxPacket is %d beside a member of 1500", most)
	}
}

type smaller struct{ transport.Transport }

func (s smaller) Unwrap() transport.Transport { return s.Transport }
func (s smaller) Caps() transport.Caps {
	c := s.Transport.Caps()
	c.MaxPacket = 1500
	return c
}

// A change of one member's link comes with the joined index, and is followed.
func TestLinksThatChange(t *testing.T) {
	n := sim.New(nil)
	w := newWires(t, n, 2, nil)
	joined := w.join(t)
	defer joined.Close()
	w.links[1].SetUp(false)
	must[struct{}](t)(struct{}{}, n.Run(time.Millisecond))
	var seen changes
	for _, q := range joined.Queues() {
		must[int](t)(q.Recv(&seen, 10))
	}
	if len(seen) == 0 {
		t.Fatal("no event")
	}
	for _, i := range seen {
		if i.Index != 1<<20+2 {
			t.Errorf("%+v", i)
		}
	}
}

type changes []transport.Interface

func (*changes) Deliver(*transport.Packet) {}
func (c *changes) Event(e *transport.Event) {
	if e.Kind == transport.LinkChanged {
		*c = append(*c, *e.Interface)
	}
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
