// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/netns"
	"protean/transport/internal/sockio"
	"protean/transport/route"
)

// A Transport is a set of ICMP datagram sockets. It implements
// [transport.Transport], [transport.Router] and [transport.StatsReader].
type Transport struct {
	cfg     Config
	caps    transport.Caps
	ns      *netns.Handle
	ifs     sockio.Interfaces
	ifindex int // of cfg.Interface, or 0

	calls  sockio.Gate
	q      queue
	router *route.Kernel

	bound4, bound6 atomic.Bool

	closeOnce sync.Once
}

var (
	_ transport.Transport   = (*Transport)(nil)
	_ transport.Router      = (*Transport)(nil)
	_ transport.StatsReader = (*Transport)(nil)
)

// Queues returns the transport's only queue.
func (t *Transport) Queues() []transport.Queue { return []transport.Queue{&t.q} }

// Caps says what this transport does and does not do.
func (t *Transport) Caps() transport.Caps { return t.caps }

// Interfaces implements [transport.Transport]. With Config.Interface it is
// the only one listed.
func (t *Transport) Interfaces() []transport.Interface {
	if !t.calls.Enter() {
		return nil
	}
	defer t.calls.Leave()
	all, _ := t.ifs.List(t.ifindex)
	return all
}

// Bind implements [transport.Transport]. The protocols are 1, ICMP, and 58,
// ICMPv6, as far as their families are there.
func (t *Transport) Bind(protocol int) error { return t.setBound(protocol, true) }

// Unbind implements [transport.Transport].
func (t *Transport) Unbind(protocol int) error { return t.setBound(protocol, false) }

func (t *Transport) setBound(protocol int, on bool) error {
	if !t.calls.Enter() {
		return net.ErrClosed
	}
	defer t.calls.Leave()
	switch {
	case protocol == transport.AnyProtocol:
		return unsupported("receiving every protocol")
	case protocol == unix.IPPROTO_ICMP && t.caps.V4:
		t.bound4.Store(on)
	case protocol == unix.IPPROTO_ICMPV6 && t.caps.V6:
		t.bound6.Store(on)
	default:
		if err := transport.CheckProtocol(protocol, t.caps.V6); err != nil {
			return err
		}
		return &transport.ProtocolError{Protocol: protocol, Reason: "is not the ICMP of a family that this transport carries"}
	}
	return nil
}

// Route implements [transport.Router] with the kernel's routes.
func (t *Transport) Route(dst netip.Addr, ifindex int) (transport.Route, error) {
	if !t.calls.Enter() {
		return transport.Route{}, net.ErrClosed
	}
	defer t.calls.Leave()
	return t.route(dst.Unmap(), ifindex)
}

func (t *Transport) route(dst netip.Addr, ifindex int) (transport.Route, error) {
	if v6 := dst.Is6(); !dst.IsValid() || v6 && !t.caps.V6 || !v6 && !t.caps.V4 {
		return transport.Route{}, opError("route", os.NewSyscallError("socket", unix.EAFNOSUPPORT))
	}
	if ifindex == 0 {
		ifindex = t.ifindex
	}
	if z := dst.Zone(); z != "" && ifindex == 0 {
		n, err := t.ifs.Zone(z)
		if err != nil {
			return transport.Route{}, opError("route", err)
		}
		ifindex = n
	}
	r, err := t.router.Lookup(dst.WithZone(""), ifindex)
	if err != nil {
		return transport.Route{}, &net.OpError{Op: "route", Net: name, Addr: &net.IPAddr{IP: dst.AsSlice()}, Err: err}
	}
	return r.Route, nil
}

// Close implements [transport.Transport]. The error is always nil.
func (t *Transport) Close() error {
	t.closeOnce.Do(func() {
		t.calls.Close()
		t.q.Wake()
		<-t.calls.Done
		t.q.close()
		if t.router != nil {
			t.router.Close()
		}
		t.ifs.Close()
		t.ns.Close()
	})
	return nil
}

// Stats implements [transport.StatsReader].
func (t *Transport) Stats() transport.Stats {
	t.q.mu.Lock()
	defer t.q.mu.Unlock()
	return t.q.stats
}
