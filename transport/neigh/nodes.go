// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// nodes are the hops that somebody has looked up: a hash table that is read
// without a lock, and written under that of its Kernel.
type nodes struct {
	seed    maphash.Seed
	buckets [1024]atomic.Pointer[node]
	n       int
	cursor  int           // the bucket to make room in next
	gen     atomic.Uint64 // raised after each change of an answer
}

// A node is a hop. Its answer is replaced, never written.
type node struct {
	hop     netip.Addr
	ifindex int
	answer  atomic.Pointer[answer]
	next    atomic.Pointer[node]
}

// An answer is what is known of a hop.
type answer struct {
	addr  LinkAddr
	err   error // ErrPending or an *Error
	stale bool  // to be told to the kernel at the next use
	told  atomic.Bool
	retry time.Time   // of an *Error: when the next Lookup tries again
	timer *time.Timer // of ErrPending: ends it
}

// bucket returns where a hop is found. The hash is keyed: hosts of a link choose
// their interface identifiers, and could have all of them in one bucket.
func (t *nodes) bucket(hop netip.Addr, ifindex int) *atomic.Pointer[node] {
	var key [16 + 8]byte
	a := hop.As16()
	copy(key[:], a[:])
	binary.NativeEndian.PutUint64(key[16:], uint64(ifindex))
	return &t.buckets[maphash.Bytes(t.seed, key[:])%uint64(len(t.buckets))]
}

func (t *nodes) find(hop netip.Addr, ifindex int) *node {
	for n := t.bucket(hop, ifindex).Load(); n != nil; n = n.next.Load() {
		if n.hop == hop && n.ifindex == ifindex {
			return n
		}
	}
	return nil
}

func (t *nodes) add(hop netip.Addr, ifindex int, a *answer) *node {
	n := &node{hop: hop, ifindex: ifindex}
	n.answer.Store(a)
	b := t.bucket(hop, ifindex)
	n.next.Store(b.Load())
	b.Store(n)
	t.n++
	return n
}

// set replaces an answer, and returns the one that was there.
func (t *nodes) set(n *node, a *answer) *answer {
	old := n.answer.Swap(a)
	t.gen.Add(1)
	return old
}

// remove takes a node out. Readers that stand on it find the way on.
func (t *nodes) remove(n *node) {
	for p := t.bucket(n.hop, n.ifindex); p.Load() != nil; p = &p.Load().next {
		if p.Load() == n {
			p.Store(n.next.Load())
			t.n--
			t.gen.Add(1)
			return
		}
	}
}

// all calls f for each node; f may remove it.
func (t *nodes) all(f func(n *node)) {
	for i := range t.buckets {
		for n := t.buckets[i].Load(); n != nil; n = n.next.Load() {
			f(n)
		}
	}
}

// makeRoom removes a node that is not being resolved, and reports whether there
// was one.
func (t *nodes) makeRoom() bool {
	for range t.buckets {
		t.cursor = (t.cursor + 1) % len(t.buckets)
		for n := t.buckets[t.cursor].Load(); n != nil; n = n.next.Load() {
			if n.answer.Load().err != ErrPending {
				t.remove(n)
				return true
			}
		}
	}
	return false
}
