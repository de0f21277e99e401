// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"hash/maphash"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A Config says where and how to look. A nil *Config is the zero Config.
type Config struct {
	// NetNS is the path of a network namespace, such as /run/netns/x; empty
	// means that of the thread which calls Open.
	NetNS string

	// Changed, if not nil, is told of a hop that was being resolved and is not
	// any more, of one that has another address, and of one that does not answer
	// any more. It is called on a goroutine of the Kernel's, must not block, and
	// must not call Close.
	Changed func(hop netip.Addr, ifindex int)

	// Entries is how many hops are remembered; 0 means 4096. Beyond, one that is
	// not being resolved is forgotten for each new one; [ErrFull] says that
	// there is none.
	Entries int

	// Timeout is for how long a hop may be resolved; 0 means 4 s. The kernel
	// itself gives up after three attempts with a second between
	// (mcast_solicit in arp(7)).
	Timeout time.Duration
}

// retryAfter is how long a hop that does not answer is not tried again.
const retryAfter = time.Second

// A Kernel answers with the kernel's neighbours. It is safe for concurrent use.
type Kernel struct {
	cfg    Config
	source source
	nodes  nodes

	mu     sync.Mutex // guards what is written
	closed bool
	calls  sync.WaitGroup // of Changed
}

// source is the kernel. It is called with the lock held, but for close.
type source interface {
	link(ifindex int) (link, error)
	get(hop netip.Addr, ifindex int) (u update, ok bool, err error) // what the table has
	use(hop netip.Addr, ifindex int) error                          // resolve it, or check whether it is still there
	close()
}

// An update is what the kernel says of a neighbour.
type update struct {
	hop     netip.Addr
	ifindex int
	addr    LinkAddr
	state   state
}

// A state is what of the kernel's (NUD_ in <linux/neighbour.h>) makes a
// difference.
type state uint8

const (
	absent     state = iota // not in the table
	incomplete              // NUD_INCOMPLETE
	valid                   // NUD_REACHABLE, DELAY, PROBE, PERMANENT, NOARP
	stale                   // NUD_STALE
	failed                  // NUD_FAILED
)

func newKernel(c *Config) *Kernel {
	k := new(Kernel)
	k.nodes.seed = maphash.MakeSeed()
	if c != nil {
		k.cfg = *c
	}
	if k.cfg.Entries <= 0 {
		k.cfg.Entries = 4096
	}
	if k.cfg.Timeout <= 0 {
		k.cfg.Timeout = 4 * time.Second
	}
	return k
}

// Lookup implements [Resolver]. A zone in hop does not count. Other errors than
// there: [ErrFull], net.ErrClosed, and an [*os.SyscallError] for an interface
// that does not exist.
func (k *Kernel) Lookup(hop netip.Addr, ifindex int) (LinkAddr, error) {
	if hop.Is4In6() || hop.Zone() != "" {
		hop = hop.Unmap().WithZone("")
	}
	if n := k.nodes.find(hop, ifindex); n != nil {
		if a := n.answer.Load(); a.current() {
			return a.addr, a.err
		}
	}
	return k.ask(hop, ifindex)
}

// Generation returns a number that is another one after each change of what
// Lookup would answer without an error: who keeps an address looks it up again
// then.
func (k *Kernel) Generation() uint64 { return k.nodes.gen.Load() }

// current reports whether nothing is to be done but to return the answer.
func (a *answer) current() bool {
	switch a.err {
	case nil:
		return !a.stale || a.told.Load()
	case ErrPending:
		return true
	}
	return time.Now().Before(a.retry)
}

// ask answers what has not been asked, or is to be asked again.
func (k *Kernel) ask(hop netip.Addr, ifindex int) (LinkAddr, error) {
	if !hop.IsValid() {
		return LinkAddr{}, &net.AddrError{Err: "it is not valid", Addr: hop.String()}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return LinkAddr{}, net.ErrClosed
	}
	n := k.nodes.find(hop, ifindex)
	if n != nil {
		a := n.answer.Load()
		switch {
		case a.current(): // somebody else asked
		case a.err == nil:
			// If the kernel does not take it, the address is as good as it was.
			a.told.Store(true)
			k.source.use(hop, ifindex)
		default:
			k.resolve(n)
		}
		a = n.answer.Load()
		return a.addr, a.err
	}
	l, err := k.source.link(ifindex)
	if err != nil {
		return LinkAddr{}, err
	}
	if k.nodes.n >= k.cfg.Entries && !k.nodes.makeRoom() {
		return LinkAddr{}, ErrFull
	}
	if addr, ok := l.computed(hop); ok {
		k.nodes.add(hop, ifindex, &answer{addr: addr})
		return addr, nil
	}
	n = k.nodes.add(hop, ifindex, &answer{err: ErrPending})
	if u, ok, err := k.source.get(hop, ifindex); err == nil && ok && (u.state == valid || u.state == stale) {
		k.nodes.set(n, &answer{addr: u.addr, stale: u.state == stale})
		if u.state == stale {
			n.answer.Load().told.Store(true)
			k.source.use(hop, ifindex)
		}
	} else {
		k.resolve(n)
	}
	a := n.answer.Load()
	return a.addr, a.err
}

// resolve has the kernel resolve a hop. The caller holds mu.
func (k *Kernel) resolve(n *node) {
	k.pend(n)
	if err := k.source.use(n.hop, n.ifindex); err != nil {
		k.die(n, err)
	}
}

// pend makes a hop one that is being resolved. The caller holds mu.
func (k *Kernel) pend(n *node) {
	a := &answer{err: ErrPending}
	a.timer = time.AfterFunc(k.cfg.Timeout, func() { k.expire(n, a) })
	k.set(n, a)
}

// die makes a hop one that cannot be reached. The caller holds mu.
func (k *Kernel) die(n *node, err error) {
	k.set(n, &answer{err: &Error{n.hop, n.ifindex, err}, retry: time.Now().Add(retryAfter)})
}

// set replaces an answer. The caller holds mu.
func (k *Kernel) set(n *node, a *answer) {
	if old := k.nodes.set(n, a); old.timer != nil {
		old.timer.Stop()
	}
}

func (k *Kernel) expire(n *node, a *answer) {
	k.mu.Lock()
	expired := !k.closed && n.answer.Load() == a
	if expired {
		k.die(n, nil)
		k.calls.Add(1)
	}
	k.mu.Unlock()
	if expired {
		k.tell(n)
	}
}

// tell calls Changed. The caller has counted the call.
func (k *Kernel) tell(n *node) {
	defer k.calls.Done()
	if k.cfg.Changed != nil {
		k.cfg.Changed(n.hop, n.ifindex)
	}
}

// apply takes what the kernel announces.
func (k *Kernel) apply(u update) {
	k.mu.Lock()
	n := k.nodes.find(u.hop, u.ifindex)
	if k.closed || n == nil {
		k.mu.Unlock()
		return
	}
	old := n.answer.Load()
	switch u.state {
	case absent:
		if old.err == ErrPending { // removed while somebody waits for it
			k.resolve(n)
		} else {
			k.nodes.remove(n)
		}
	case incomplete:
		if old.err != ErrPending {
			k.pend(n)
		}
	case valid, stale:
		k.set(n, &answer{addr: u.addr, stale: u.state == stale})
	case failed:
		k.die(n, nil)
	}
	a := n.answer.Load()
	changed := a.err != ErrPending && (old.err == ErrPending || old.addr != a.addr)
	if changed {
		k.calls.Add(1)
	}
	k.mu.Unlock()
	if changed {
		k.tell(n)
	}
}

// again asks for everything again, after announcements were lost or an
// interface has changed, and forgets what is known without asking. It is about
// one interface only if ifindex is not 0.
func (k *Kernel) again(ifindex int) {
	k.mu.Lock()
	var known []update
	var dead []*node
	k.nodes.all(func(n *node) {
		if k.closed || ifindex != 0 && n.ifindex != ifindex {
			return
		}
		if n.answer.Load().err != ErrPending {
			k.nodes.remove(n)
			return
		}
		if _, err := k.source.link(n.ifindex); err != nil {
			k.die(n, err)
			k.calls.Add(1)
			dead = append(dead, n)
		} else if u, ok, err := k.source.get(n.hop, n.ifindex); err == nil && ok && u.state != incomplete {
			known = append(known, u)
		}
	})
	k.mu.Unlock()
	for _, n := range dead {
		k.tell(n)
	}
	for _, u := range known {
		k.apply(u)
	}
}

// Close ends the Kernel. It waits for calls of Changed. The error is always
// nil.
func (k *Kernel) Close() error {
	k.mu.Lock()
	closed := k.closed
	k.closed = true
	if !closed {
		k.nodes.all(func(n *node) {
			if a := n.answer.Load(); a.timer != nil {
				a.timer.Stop()
			}
			k.nodes.remove(n)
		})
	}
	k.mu.Unlock()
	if !closed {
		k.source.close()
		k.calls.Wait()
	}
	return nil
}
