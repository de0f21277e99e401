// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/ring/sysmon"
	"protean/transport"
)

const (
	heldPerHop = 128             // packets that wait for one neighbour
	heldInAll  = 1024            // packets that wait in a queue
	heldFor    = 5 * time.Second // the kernel gives up after 3 s

	// All that wait are looked at so often, though nobody has said that something has
	// changed: that takes as long as there are neighbours that are being asked for.
	heldLook = 100 * time.Millisecond
)

// held keeps copies of packets whose next hop is being resolved, and sends them,
// in order, when it has an address and there is room. Packets that were committed
// earlier go first, also those in a transmit ring. before and hold are Commit's;
// changed and again may be called from anywhere.
type held struct {
	q     *queue
	count atomic.Int32 // of packets

	mu    sync.Mutex // guards what follows; with a ring it is locked behind that one's, as by Commit
	hops  map[netip.Addr]*heldHop
	ready map[netip.Addr]*heldHop // those that have an address, but there was no room
	look  time.Duration           // when all are looked at next, by sysmon.Now
	timer *time.Timer             // that tries what is ready, made when it is needed first
}

type heldHop struct {
	since   time.Time // when it began to be asked for
	packets []heldPacket
	sent    uint64 // packets that waited here and were sent
	full    stall
}

type heldPacket struct {
	data   []byte
	cookie uint64
}

// hold takes a packet that has to wait.
func (q *queue) hold(s *transport.Slot) error {
	h, via := &q.tx.held, q.tx.last.hop.via
	h.mu.Lock()
	defer h.mu.Unlock()
	hop, err := h.add(via, s)
	if err != nil {
		return err
	}
	h.settle(via, hop) // what it waits for may have come meanwhile
	return nil
}

// add fails for a packet that there is no place for: those behind it may be to
// neighbours that are there, and must not wait for those that are not. The caller
// holds mu.
func (h *held) add(via netip.Addr, s *transport.Slot) (*heldHop, error) {
	hop := h.hops[via]
	if h.count.Load() >= heldInAll || hop != nil && len(hop.packets) >= heldPerHop {
		return nil, writeError(destination(s.Data), "waiting for "+via.String(), unix.ENOBUFS)
	}
	if hop == nil {
		if h.hops == nil {
			h.hops, h.ready = make(map[netip.Addr]*heldHop), make(map[netip.Addr]*heldHop)
		}
		hop = &heldHop{since: time.Now()}
		h.hops[via] = hop
	}
	hop.packets = append(hop.packets, heldPacket{append([]byte(nil), s.Data...), s.Cookie})
	h.count.Add(1)
	return hop, nil
}

// before reports whether a packet to a next hop has to wait behind others: for its
// address (hopWaiting), or for room (hopFull). Each Commit asks, so it does not look
// at other hops that wait for an address.
func (h *held) before(via netip.Addr) hopState {
	if h.count.Load() == 0 {
		return hopReady
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.try(h.q.tx.now)
	hop := h.hops[via]
	if hop != nil && h.ready[via] == nil { // else it was tried just now
		h.settle(via, hop)
	}
	switch {
	// More in the ring would keep what is ready behind it for ever.
	case h.ready[via] != nil, len(h.ready) > 0 && h.inRing():
		h.q.tryLater()
		return hopFull
	case h.hops[via] != nil:
		return hopWaiting
	}
	return hopReady
}

// changed sends what waits for a neighbour, or gives it up, when it is known whether
// that answers.
func (h *held) changed(via netip.Addr) {
	if h.count.Load() == 0 {
		return
	}
	h.lock()
	defer h.unlock()
	// While the transport is being closed, drain looks at all of them.
	if hop := h.hops[via]; hop != nil && !h.q.t.calls.Closing() {
		h.settle(via, hop)
	}
}

// again tries what there was no room for. It is called when that may have changed.
func (h *held) again() {
	if h.count.Load() == 0 {
		return
	}
	h.lock()
	defer h.unlock()
	h.try(sysmon.Now())
}

// lock is for who is not in Commit.
func (h *held) lock() {
	h.q.tx.ring.mu.Lock()
	h.mu.Lock()
}

func (h *held) unlock() {
	h.mu.Unlock()
	h.q.tx.ring.mu.Unlock()
}

// try tries what there was no room for, and now and then everything. The caller holds
// mu.
func (h *held) try(now time.Duration) {
	hops := h.ready
	if now >= h.look {
		h.look, hops = now+heldLook, h.hops
	}
	h.settleAll(hops)
}

func (h *held) settleAll(hops map[netip.Addr]*heldHop) {
	for via, hop := range hops {
		if !h.settle(via, hop) {
			return // nor is there room for others, each of which would ask the kernel
		}
	}
}

// settle sends the packets of a hop if that has an address by now, and gives them up
// if it does not answer. It reports whether there may be room for those of others.
// The caller holds mu, and the ring's.
func (h *held) settle(via netip.Addr, hop *heldHop) (room bool) {
	mac, state := h.q.t.hops.neighbour(via)
	room = true
	switch {
	case state == hopReady:
		room = h.send(hop, mac)
		hop.since = time.Now() // if it has to be asked for again
	case state == hopFailed, time.Since(hop.since) > heldFor:
		h.fail(hop, unix.EHOSTUNREACH)
	}
	if len(hop.packets) == 0 {
		delete(h.hops, via)
	}
	if state == hopReady && len(hop.packets) > 0 {
		h.ready[via] = hop
		h.later()
	} else {
		delete(h.ready, via)
	}
	return room
}

// send sends what waits for a next hop. If there is no room it stops, and goes
// on with the next call. A packet that there is never room for is given up.
func (h *held) send(hop *heldHop, mac wire.MAC) (room bool) {
	if h.inRing() {
		if h.q.tx.ring.kick(h.q); h.inRing() {
			return false // kick has seen to it that it is tried again
		}
	}
	for len(hop.packets) > 0 {
		p := hop.packets[0]
		errno := h.q.sendOne(p.data, mac)
		if errno == unix.EAGAIN || errno == unix.ENOBUFS && h.q.t.carrier() && !hop.full.lasts(hop.sent) {
			h.q.tryLater()
			return errno != unix.EAGAIN // the other one may be about this packet
		}
		hop.packets = hop.packets[1:]
		h.count.Add(-1)
		if errno != 0 {
			h.lose(p, errno)
			continue
		}
		hop.sent++
		h.q.stats.addLate(uint64(len(p.data)), true)
	}
	return true
}

// inRing reports whether packets that were committed earlier wait in a ring, which
// those here would overtake.
func (h *held) inRing() bool {
	tx := h.q.tx.ring.tx
	return tx != nil && tx.Waiting()
}

// later has what is ready tried again in a while, whatever else happens. The caller
// holds mu, and the ring's.
func (h *held) later() {
	d := tryAfter
	if h.q.tx.ring.down != nil {
		d = tryDownAfter
	}
	h.q.after(&h.timer, d, func(q *queue) { q.tx.held.again() })
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

// closePatience is how long Close waits for neighbours to be found, and for room.
const closePatience = time.Second

// drain sends what still waits, as far as it can be sent by then.
func (q *queue) drain(end time.Time) {
	q.tx.ring.drain(q, end) // first, as it was committed first
	for h := &q.tx.held; h.count.Load() > 0; time.Sleep(time.Millisecond) {
		h.drain(end)
	}
	q.stopTimers()
}

func (h *held) drain(end time.Time) {
	h.lock()
	defer h.unlock()
	if time.Now().Before(end) {
		h.settleAll(h.hops)
		return
	}
	for _, hop := range h.hops {
		h.fail(hop, unix.EHOSTUNREACH)
	}
	clear(h.hops)
	clear(h.ready)
}
