// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"protean/proto/frag"
	"protean/transport"
)

// Config holds the options of a Host. The zero value of each field is its
// default.
type Config struct {
	// Log takes reports of panics and of handlers' errors outside the packet
	// path. nil discards them.
	Log *slog.Logger

	// Seed seeds every random choice of the host and what Env.Rand returns. 0
	// takes a random one.
	Seed uint64

	// Reassembly says how fragments are put together, and within which limits,
	// for each queue of the transport, where the transport does not do it
	// itself. OnExpire is called on the loop.
	Reassembly frag.Config

	// Batch is the number of packets taken from a queue before timers and
	// posted functions get their turn; 0: 256.
	Batch int

	// OnPanic is called after a handler's panic was contained, on the loop. nil
	// leaves it at the log.
	OnPanic func(*Panic)

	// CrashOnPanic lets a handler's panic go on, which ends the process.
	CrashOnPanic bool
}

// A Panic reports a handler's panic.
type Panic struct {
	Binding *Binding
	Value   any    // what was passed to panic
	Stack   []byte // of the goroutine
	Packet  []byte // the packet being handled, from its IP header on; nil if there was none
}

// A Host runs the handlers registered with it over one transport. All methods
// are safe for concurrent use.
type Host struct {
	t     transport.Transport
	caps  transport.Caps
	cfg   Config
	clock func() time.Time
	epoch time.Time // host time 0

	ownClock bool // clock is the transport's

	queues []*queue
	table  [256]atomic.Pointer[chain] // by protocol; chains are not changed once published

	next     atomic.Int64 // when the earliest timer is due, host time
	housekey atomic.Bool  // some binding has posted functions or packets left to send
	starved  atomic.Bool  // some binding waits for room to send
	asked    atomic.Bool  // … and has not been looked after yet
	mode     atomic.Int32 // how it is driven
	polling  atomic.Bool  // Poll is running
	shift    atomic.Int64 // what host time is behind the time since epoch: nothing, until Poll is given another clock's
	polled   atomic.Int64 // host time given to the latest Poll
	links    atomic.Pointer[links]
	linksMu  sync.Mutex // held to change links
	routes   routeCache
	members  memberships
	ids      identifications
	paths    pathMTUs
	errs     netErrors

	complaints complaints
	tapped     atomic.Bool // the host looks at ICMP; see needTap

	mu       sync.Mutex // guards what follows; not held during callbacks
	bindings atomic.Pointer[[]*Binding]
	bound    map[int]int  // transport binds, by protocol
	made     uint64       // bindings ever made
	run      *run         // the Run in progress
	past     BindingStats // of bindings closed
	taps     []int        // ICMP protocols that are bound for tapped

	foreign atomic.Bool // packets to foreign addresses are delivered

	turns atomic.Uint64 // how often the first queue's Wait has returned

	roomMu sync.Mutex
	roomC  chan struct{} // closed when there is room to send; nil if nobody waits
}

// How a host is driven: not yet or not now, by Run, or by Poll.
const (
	modeIdle = iota
	modeRun
	modePoll
)

// NewHost returns a host over t. It does not own t: closing it is up to the
// caller, after Run has returned. cfg may be nil.
func NewHost(t transport.Transport, cfg *Config) (*Host, error) {
	h := &Host{t: t, caps: t.Caps(), bound: map[int]int{}, clock: time.Now}
	if cfg != nil {
		h.cfg = *cfg
	}
	switch {
	case h.cfg.Batch == 0:
		h.cfg.Batch = 256
	case h.cfg.Batch < 0:
		return nil, fmt.Errorf("proto: Config.Batch of %d is negative", h.cfg.Batch)
	}
	if h.cfg.Log == nil {
		h.cfg.Log = slog.New(slog.DiscardHandler)
	}
	h.ids.init(h.cfg.Seed)
	if h.cfg.Seed == 0 {
		h.cfg.Seed = rand.Uint64()
	}
	h.complaints.init(h.cfg.Seed)
	// A transport with a time of its own stamps its packets by it, so the host
	// goes by it too: all times a handler sees are on one clock.
	if c, ok := transport.As[transport.Clock](t); ok {
		h.clock, h.ownClock = c.Now, true
	}
	h.epoch = h.clock()
	h.next.Store(never)
	h.bindings.Store(new([]*Binding))
	h.routes.init(t)
	h.paths.init()
	h.listLinks()
	for i, tq := range t.Queues() {
		h.queues = append(h.queues, newQueue(h, tq, i))
	}
	h.placeLoops()
	return h, nil
}

// placeLoops says which loops have a way of their own to take locks.
func (h *Host) placeLoops() {
	for _, q := range h.queues {
		q.place.several = len(h.queues) > 1
	}
}

// Transport returns the transport the host runs over.
func (h *Host) Transport() transport.Transport { return h.t }

// Bindings returns what is registered now, in order of registration.
func (h *Host) Bindings() []*Binding {
	return append([]*Binding(nil), *h.bindings.Load()...)
}

// nowNs is the host's time: nanoseconds since it was made, on a clock that
// does not jump.
func (h *Host) nowNs() int64 {
	if !h.ownClock {
		if h.mode.Load() == modePoll {
			return h.polled.Load()
		}
		return int64(time.Since(h.epoch)) - h.shift.Load() // one reading of a clock where time.Now takes two
	}
	return int64(h.clock().Sub(h.epoch)) - h.shift.Load()
}

// toNs is the host's time of t, or the farthest there is.
func (h *Host) toNs(t time.Time) int64 {
	ns, shift := int64(t.Sub(h.epoch)), h.shift.Load() // Sub goes no further than an int64 either
	switch at := ns - shift; {
	case shift > 0 && at > ns:
		return math.MinInt64
	case shift < 0 && at < ns:
		return never
	default:
		return at
	}
}

func (h *Host) toTime(ns int64) time.Time {
	shift := h.shift.Load()
	return h.epoch.Add(time.Duration(min(ns, never-max(shift, 0)) + shift))
}

// lowerNext brings forward the time at which the loop looks after timers.
func (h *Host) lowerNext(due int64, q *queue) {
	for {
		old := h.next.Load()
		if due >= old {
			return
		}
		if h.next.CompareAndSwap(old, due) {
			break
		}
	}
	if q == nil || q.index != 0 {
		h.queues[0].tq.Wake() // it may be waiting for a later time
	}
}

// wake has the first queue's loop look after posted functions.
func (h *Host) wakeLoop() {
	if !h.housekey.Swap(true) {
		h.queues[0].tq.Wake()
	}
}
