// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// A Binding is a handler registered with a host. Its lock is "the loop": all
// the handler's callbacks run one at a time under it, whichever goroutine they
// are called on.
type Binding struct {
	// A loop that changes from one binding to another touches these, up to the
	// length of timers: side by side in two lines, since with many bindings they are
	// not in the nearest cache.
	handler    Handler
	active     *Env         // whose callback is in progress; guarded by lock
	due        atomic.Int64 // timers.next, for those without the lock
	lock       loopLock
	envs       []Env // by queue
	closed     bool  // guarded by lock
	hasEnder   bool  // batchEnder is not nil
	concurrent bool  // the handler is
	conn       connKind
	notified   atomic.Bool // Notify was called
	timers     timerHeap

	batchEnder BatchEnder // nil if the handler is none, as are the others below
	host       *Host
	posted     atomic.Bool // posts or faults are waiting
	started    atomic.Bool // Start has returned
	peer       connPeer
	stats      bindingStats
	opts       Options
	protocols  []uint8
	serial     uint32        // no other binding of the host has had it
	ids        atomic.Uint32 // IPv4 identifications, before scramble
	idKey      uint64        // of scramble

	// The handler's optional interfaces.
	linkHandler  LinkHandler
	errorHandler ErrorHandler
	sentHandler  SentHandler
	pathHandler  PathMTUHandler
	fragHandler  FragmentHandler
	runner       Runner

	users   atomic.Int32  // calls in progress without the lock; closing adds closedUsers
	idle    chan struct{} // closed when the last of users has left after closing
	closing chan struct{} // closed when Close has begun
	gone    chan struct{} // closed when Close has finished

	// Guarded by lock.
	doEnv   *Env
	doOut   outbox
	rand    *rand.Rand
	onRoom  []func(*Env)
	waiters []*waiter

	postMu sync.Mutex
	posts  []func(*Env)
	faults []*NetworkError // local send errors to report

	runMu     sync.Mutex
	runCancel func()
	runDone   chan struct{}
}

// protocol is the number that packets carry if their Header names none.
func (b *Binding) protocol() uint8 {
	if len(b.protocols) == 0 {
		return 0
	}
	return b.protocols[0]
}

// Protocols returns the protocol numbers registered for; empty for all.
func (b *Binding) Protocols() []uint8 { return slices.Clone(b.protocols) }

// Host returns the host the binding belongs to.
func (b *Binding) Host() *Host { return b.host }

var errClosed = net.ErrClosed

// connPeer tells Conns of one protocol apart: by whose packets they take.
type connPeer struct {
	remote, local netip.Addr
	ifindex       int32
}

// connKind says whether a binding is that of a Conn.
type connKind uint8

const (
	connNone   connKind = iota
	connListen          // takes what others leave
	connDial            // takes the packets of its peer, so it is asked first
)
