// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
)

const (
	heldPerHop = 128             // packets that wait for one neighbour
	heldInAll  = 1024            // packets that wait in a queue
	heldFor    = 5 * time.Second // the kernel gives up after 3 s
)

// held keeps copies of packets whose next hop is being resolved, and sends them,
// in order, when it has an address. Its methods may be called from anywhere.
type held struct {
	q     *queue
	count atomic.Int32 // of packets

	mu   sync.Mutex
	hops map[netip.Addr]*heldHop
}

type heldHop struct {
	since   time.Time
	packets []heldPacket
}

type heldPacket struct {
	data   []byte
	cookie uint64
}

// hold takes a packet that has to wait.
func (q *queue) hold(s *transport.Slot) error {
	err := q.tx.held.add(q.tx.last.hop.via, s)
	q.tx.held.settle() // what it waits for may have come meanwhile
	return err
}

func (h *held) add(via netip.Addr, s *transport.Slot) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count.Load() >= heldInAll {
		h.q.starved.Store(true)
		return transport.ErrNoSlots
	}
	hop := h.hops[via]
	if hop == nil {
		if h.hops == nil {
			h.hops = make(map[netip.Addr]*heldHop)
		}
		hop = &heldHop{since: time.Now()}
		h.hops[via] = hop
	}
	if len(hop.packets) >= heldPerHop {
		return writeError(destination(s.Data), "waiting for "+via.String(), unix.ENOBUFS)
	}
	hop.packets = append(hop.packets, heldPacket{append([]byte(nil), s.Data...), s.Cookie})
	h.count.Add(1)
	return nil
}

// before reports whether packets to a next hop wait still, so that another one
// has to wait behind them.
func (h *held) before(via netip.Addr) bool {
	if h.count.Load() == 0 {
		return false
	}
	h.settle()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hops[via] != nil
}

// settle sends the packets whose next hop has an address by now, and gives up
// those whose next hop does not answer.
func (h *held) settle() {
	if h.count.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for via, hop := range h.hops {
		mac, state := h.q.t.hops.neighbour(via)
		switch {
		case state == hopReady:
			h.send(hop, mac)
		case state == hopFailed, time.Since(hop.since) > heldFor:
			h.fail(hop, unix.EHOSTUNREACH)
		}
		if len(hop.packets) == 0 {
			delete(h.hops, via)
		}
	}
	if h.count.Load() < heldInAll && h.q.starved.Swap(false) {
		h.q.Wake()
	}
}

// send sends what waits for a next hop. If there is no room it stops, and goes
// on with the next call.
func (h *held) send(hop *heldHop, mac wire.MAC) {
	for len(hop.packets) > 0 {
		p := hop.packets[0]
		errno := h.q.sendOne(p.data, mac)
		if errno == unix.EAGAIN || errno == unix.ENOBUFS && h.q.t.carrier() {
			h.q.tryLater()
			return
		}
		hop.packets = hop.packets[1:]
		h.count.Add(-1)
		if errno != 0 {
			h.lose(p, errno)
			continue
		}
		h.q.stats.addLate(uint64(len(p.data)), true)
	}
}

// fail gives all packets of a hop up.
func (h *held) fail(hop *heldHop, errno unix.Errno) {
	for _, p := range hop.packets {
		h.count.Add(-1)
		h.lose(p, errno)
	}
	hop.packets = nil
}

func (h *held) lose(p heldPacket, errno unix.Errno) {
	h.q.stats.addLate(0, false)
	h.q.tx.failures.add(h.q, p, errno)
}

// failures are the errors about packets that were accepted, for the receiving
// goroutine to tell.
type failures struct {
	n  atomic.Int32
	mu sync.Mutex
	is []*transport.NetworkError
}

func (f *failures) waiting() bool { return f.n.Load() > 0 }

func (f *failures) add(q *queue, p heldPacket, errno unix.Errno) {
	e := &transport.NetworkError{
		Origin: transport.OriginLocal,
		Errno:  errno,
		Time:   time.Now().UnixNano(),
		Dst:    destination(p.data),
		Cookie: p.cookie,
	}
	var pk transport.Packet
	if pk.Load(p.data, transport.Arrival{Flags: transport.FlagHeaderVerified}) == wire.NotMalformed {
		e.Protocol, e.Src, e.Quoted = pk.Protocol(), pk.Src(), pk.Payload()
	}
	f.mu.Lock()
	if len(f.is) < heldInAll { // nobody may be receiving
		f.is = append(f.is, e)
		f.n.Store(int32(len(f.is)))
	}
	f.mu.Unlock()
	q.Wake()
}

// tell hands on the failures.
func (f *failures) tell(s transport.Sink) {
	if !f.waiting() {
		return
	}
	f.mu.Lock()
	is := f.is
	f.is = nil
	f.n.Store(0)
	f.mu.Unlock()
	for _, e := range is {
		s.Event(&transport.Event{Kind: transport.ErrorReceived, Err: e})
	}
}

// closePatience is how long Close waits for neighbours to be found.
const closePatience = time.Second

// drain sends what still waits, as far as it can be sent.
func (q *queue) drain() {
	q.tx.ring.drain(q)
	h := &q.tx.held
	for end := time.Now().Add(closePatience); h.count.Load() > 0; time.Sleep(time.Millisecond) {
		h.settle()
		if time.Now().After(end) {
			h.mu.Lock()
			for _, hop := range h.hops {
				h.fail(hop, unix.EHOSTUNREACH)
			}
			h.hops = nil
			h.mu.Unlock()
		}
	}
}
