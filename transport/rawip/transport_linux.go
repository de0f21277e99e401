// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/netns"
	"protean/transport/internal/sockio"
	"protean/transport/route"
)

// A Transport is a set of raw IP sockets. It implements [transport.Transport],
// [transport.Router], [transport.Multicaster] and [transport.StatsReader].
type Transport struct {
	cfg     Config
	caps    transport.Caps
	ns      *netns.Handle
	ifs     sockio.Interfaces
	ifindex int // of cfg.Interface, or 0
	rcvBuf  int // bytes, 0 for the system's default

	calls sockio.Gate
	q     queue

	// By sockID, the receiving sockets, those for errors, and the sending ones,
	// written under mu or by Open.
	socks   [512]atomic.Pointer[sock]
	errs    [512]atomic.Pointer[sock]
	senders [512]atomic.Pointer[sender]

	sources6 atomic.Pointer[map[sockio.Membership]bool] // see excluded; nil for none

	// mu guards what follows. It is never held during a callback or while
	// waiting for another call.
	mu     sync.Mutex
	bound  map[uint8]*binding
	groups sockio.Groups
	passed passed

	router *route.Kernel

	closeOnce sync.Once
}

var (
	_ transport.Transport   = (*Transport)(nil)
	_ transport.Router      = (*Transport)(nil)
	_ transport.Multicaster = (*Transport)(nil)
	_ transport.StatsReader = (*Transport)(nil)
)

// sockID is the index of a socket for a family and a protocol.
func sockID(v6 bool, protocol uint8) int {
	if v6 {
		return 256 + int(protocol)
	}
	return int(protocol)
}

// Queues returns the transport's only queue.
func (t *Transport) Queues() []transport.Queue { return []transport.Queue{&t.q} }

// Caps says what this transport does and does not do.
func (t *Transport) Caps() transport.Caps { return t.caps }

// BufferSize returns the size in bytes of the smallest receive buffer among
// the bound protocols, as the kernel granted it, which without CAP_NET_ADMIN
// is at most twice the sysctl net.core.rmem_max. It returns 0 if no protocol is
// bound.
func (t *Transport) BufferSize() int {
	if !t.calls.Enter() {
		return 0
	}
	defer t.calls.Leave()
	t.mu.Lock()
	defer t.mu.Unlock()
	size := 0
	for _, b := range t.bound {
		for _, s := range b.socks {
			if n, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err == nil && (size == 0 || n < size) {
				size = n
			}
		}
	}
	return size
}

// Close implements [transport.Transport]. Packets are with the kernel when
// Commit returns, so there is nothing to wait for but calls in flight. The
// error is always nil.
func (t *Transport) Close() error {
	t.closeOnce.Do(func() {
		t.calls.Close()
		t.q.Wake()
		<-t.calls.Done
		for p, b := range t.bound {
			t.unbind(p, b)
		}
		t.passed.close()
		for i := range t.senders {
			if s := t.senders[i].Load(); s != nil {
				s.close()
			}
		}
		if t.router != nil {
			t.router.Close()
		}
		t.q.close()
		t.ifs.Close()
		t.ns.Close()
	})
	return nil
}
