// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"net"
	"net/netip"
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

	// Mark, if not 0, is that of the packets (SO_MARK, socket(7)) whose ways are
	// looked up: rules may tell packets apart by it.
	Mark uint32
}

// A Kernel answers with the kernel's routes. It is safe for concurrent use.
type Kernel struct {
	entries []atomic.Pointer[entry]
	regions atomic.Pointer[regions]
	misses  atomic.Uint32 // of single destinations, since regions were asked for
	gen     atomic.Uint64 // of the answers that count; a change begins another
	start   time.Time
	source  source
	closed  atomic.Bool

	freshness int64 // ns
}

// source asks the kernel.
type source interface {
	// ask returns the answer for a destination, and whether it is that of its
	// region too. The error is not an *Error if there is no answer.
	ask(dst netip.Addr, ifindex int) (r Route, shared bool, err error)

	// divide has the regions asked for again, if those of k do not count any
	// more.
	divide(now int64) error
	close()
}

// freshness bounds for how long an answer is used.
const freshness = int64(time.Second)

// manyMisses is how many destinations are asked for one by one before regions
// are worth their while.
const manyMisses = 32

// An entry is a remembered answer. It is replaced, never written.
type entry struct {
	gen     uint64 // 0: to be asked for again, itself
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
	k := &Kernel{entries: make([]atomic.Pointer[entry], size), start: time.Now(), freshness: freshness}
	k.gen.Store(1)
	return k
}

// Lookup implements [Finder]. A destination in memory takes no system call, no
// lock and no allocation, and neither does one of a region that is; see the
// package's documentation. Other errors than *[Error] are an [*os.SyscallError]
// of the exchange with the kernel, such as ENODEV for an interface that does not
// exist, and net.ErrClosed.
func (k *Kernel) Lookup(dst netip.Addr, ifindex int) (Route, error) {
	if k.closed.Load() {
		return Route{}, net.ErrClosed
	}
	if dst.Is4In6() || dst.Zone() != "" {
		dst = dst.Unmap().WithZone("")
	}
	gen, now := k.gen.Load(), int64(time.Since(k.start))
	at := k.entry(dst, ifindex)
	e := at.Load()
	switch {
	case e == nil:
	case e.dst == dst && e.ifindex == ifindex:
		if e.gen == gen && now < e.until {
			return e.route, e.err
		}
		if e.gen == 0 {
			return k.ask(dst, ifindex, gen, now, nil)
		}
	}
	g := k.regions.Load()
	if !g.current(gen, now) {
		return k.ask(dst, ifindex, gen, now, nil)
	}
	r := g.find(dst)
	if r == nil {
		return k.ask(dst, ifindex, gen, now, nil)
	}
	route, err, ok := r.lookup(dst, ifindex)
	if !ok {
		return k.ask(dst, ifindex, gen, now, r)
	}
	if e == nil || e.gen != gen || now >= e.until { // the place is free
		at.Store(&entry{gen, g.until, dst, ifindex, route, err})
	}
	return route, err
}

// ask asks the kernel for a destination, which has the region r if that is not
// nil.
func (k *Kernel) ask(dst netip.Addr, ifindex int, gen uint64, now int64, r *region) (Route, error) {
	if !dst.IsValid() {
		return Route{}, &net.AddrError{Err: "it is not valid", Addr: dst.String()}
	}
	answer, shared, err := k.source.ask(dst, ifindex)
	if _, ok := err.(*Error); err != nil && !ok {
		return Route{}, err
	}
	k.entry(dst, ifindex).Store(&entry{gen, now + k.freshness, dst, ifindex, answer, err})
	switch {
	case r != nil && shared:
		r.share(dst, ifindex, answer, err)
	case r == nil && k.misses.Add(1)%manyMisses == 0:
		if err := k.source.divide(now); err != nil {
			return Route{}, err
		}
	}
	return answer, err
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
	k.entry(dst, ifindex).Store(&entry{dst: dst, ifindex: ifindex})
}

// entry returns where the answer about a destination is kept.
func (k *Kernel) entry(dst netip.Addr, ifindex int) *atomic.Pointer[entry] {
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
