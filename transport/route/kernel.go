// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A Config says where and how to look. A nil *Config is the zero Config.
type Config struct {
	// NetNS is the path of a network namespace, such as /run/netns/x; empty
	// means that of the thread which calls Open.
	NetNS string

	// Entries is how many destinations are remembered; 0 means 4096. It is
	// rounded up to a power of two. A destination beyond them takes the place of
	// another.
	Entries int
}

// A Kernel answers with the kernel's routes. It is safe for concurrent use.
type Kernel struct {
	entries []entry
	gen     atomic.Uint64 // of the answers that count; a change begins another
	start   time.Time
	source  source
	closed  atomic.Bool

	freshness int64 // ns
}

// source asks the kernel.
type source interface {
	// ask returns an error that is not an *Error for what is no answer.
	ask(dst netip.Addr, ifindex int) (Route, error)
	close()
}

// freshness bounds for how long an answer is used.
const freshness = int64(time.Second)

// An entry is a remembered answer. It is written in place, so that nothing is
// allocated however many destinations there are.
type entry struct {
	mu      sync.Mutex
	gen     uint64 // 0 is never current
	until   int64  // since start
	dst     netip.Addr
	ifindex int
	route   Route
	err     error // an *Error, or nil
}

func newKernel(c *Config) *Kernel {
	n := 4096
	if c != nil && c.Entries > 0 {
		n = c.Entries
	}
	size := 1
	for size < min(n, 1<<20) {
		size *= 2
	}
	k := &Kernel{entries: make([]entry, size), start: time.Now(), freshness: freshness}
	k.gen.Store(1)
	return k
}

// Lookup implements [Finder]. A destination in memory takes no system call and
// no allocation. Other errors than *[Error] are an [*os.SyscallError] of the
// exchange with the kernel, such as ENODEV for an interface that does not exist,
// and net.ErrClosed.
func (k *Kernel) Lookup(dst netip.Addr, ifindex int) (Route, error) {
	if k.closed.Load() {
		return Route{}, net.ErrClosed
	}
	if dst.Is4In6() || dst.Zone() != "" {
		dst = dst.Unmap().WithZone("")
	}
	if !dst.IsValid() {
		return Route{}, &net.AddrError{Err: "it is not valid", Addr: dst.String()}
	}
	gen, now := k.gen.Load(), int64(time.Since(k.start))
	e := k.entry(dst, ifindex)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gen == gen && now < e.until && e.dst == dst && e.ifindex == ifindex {
		return e.route, e.err
	}
	r, err := k.source.ask(dst, ifindex)
	if _, ok := err.(*Error); err != nil && !ok {
		return Route{}, err
	}
	e.gen, e.until, e.dst, e.ifindex, e.route, e.err = gen, now+k.freshness, dst, ifindex, r, err
	return r, err
}

// Generation returns a number that is another one after each change of routes,
// rules, addresses or links: what was looked up before is to be looked up again.
func (k *Kernel) Generation() uint64 { return k.gen.Load() }

// Flush has everything looked up again.
func (k *Kernel) Flush() { k.gen.Add(1) }

// Forget has one destination looked up again: for who was told that it does not
// carry as much as it did.
func (k *Kernel) Forget(dst netip.Addr, ifindex int) {
	dst = dst.Unmap().WithZone("")
	e := k.entry(dst, ifindex)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dst == dst && e.ifindex == ifindex {
		e.gen = 0
	}
}

// entry returns where the answer about a destination is kept.
func (k *Kernel) entry(dst netip.Addr, ifindex int) *entry {
	return &k.entries[hash(dst, ifindex)&uint64(len(k.entries)-1)]
}

// Close ends the Kernel. It waits for Lookups under way. The error is always
// nil.
func (k *Kernel) Close() error {
	if !k.closed.Swap(true) {
		k.source.close()
	}
	return nil
}
