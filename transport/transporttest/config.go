// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"net/netip"
	"testing"
	"time"

	"protean/transport"
)

// Config says how [Run] gets transports to test.
type Config struct {
	// Make opens a fresh pair of transports. It is called for each subtest,
	// and once before them for the Caps. Run closes both transports; what
	// else Make sets up it takes down with tb.Cleanup. It reports failure
	// through tb.
	Make func(tb testing.TB) Pair

	// Watchdog is how long a step that may block is given before the subtest
	// fails with the stacks of all goroutines. 0 means 10 seconds.
	Watchdog time.Duration

	// Window is the most packets under way at once, so that no queue between
	// the two overflows. 0 means 32.
	Window int

	// Parallel says that other tests run at the same time, so that what a
	// subtest leaves over cannot be told from theirs. It is then looked for at
	// the end of all, by [Checked] or [Main], and not after each subtest.
	Parallel bool
}

// A Pair is two transports, open and able to block, that reach each other
// without loss. A is the one under test. B is its peer, usually of the same
// kind; it must be able to receive. Packets of one flow, by addresses and
// protocol, must all arrive at the same queue.
type Pair struct {
	A, B Endpoint
}

// An Endpoint is one side of a [Pair].
type Endpoint struct {
	Transport transport.Transport

	// Addr4 and Addr6 are unicast addresses that the peer reaches, without
	// zone. One is needed for each family that both transports carry.
	Addr4, Addr6 netip.Addr

	// IfIndex is the interface, as in the transport's Interfaces, through
	// which the peer is reached.
	IfIndex int
}

// addr returns the address of the family.
func (e *Endpoint) addr(v6 bool) netip.Addr {
	if v6 {
		return e.Addr6
	}
	return e.Addr4
}
