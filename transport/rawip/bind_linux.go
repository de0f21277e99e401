// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"net"

	"protean/transport"
	"protean/transport/guard"
	"protean/transport/internal/sockio"
)

// A binding is what receives one protocol.
type binding struct {
	socks []*sock // one per family
	errs  []*sock // the same for ICMP errors, none without a guard
	guard *guard.Guard
}

// Bind implements [transport.Transport]. Protocol 255 cannot be bound, since
// the kernel keeps it for sending (IPPROTO_RAW), nor can
// [transport.AnyProtocol].
func (t *Transport) Bind(protocol int) error {
	if !t.calls.Enter() {
		return net.ErrClosed
	}
	defer t.calls.Leave()
	if err := t.checkProtocol(protocol); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := uint8(protocol)
	if t.bound[p] != nil {
		return nil
	}
	b := &binding{guard: t.passed.guard(p)}
	if b.guard == nil && !t.cfg.NoGuard {
		g, err := sockio.OpenGuard(t.ns, int(p), t.caps.V4, t.caps.V6, false)
		if err != nil {
			return err
		}
		b.guard = g
	}
	if err := t.bind(p, b); err != nil {
		t.unbind(p, b)
		return err
	}
	t.bound[p] = b
	return nil
}

func (t *Transport) checkProtocol(protocol int) error {
	switch {
	case t.cfg.SendOnly:
		return unsupported("receiving with SendOnly")
	case protocol == transport.AnyProtocol:
		return unsupported("receiving every protocol")
	case protocol == 255:
		return &transport.ProtocolError{Protocol: protocol, Reason: "is only for sending on Linux (IPPROTO_RAW in raw(7))"}
	}
	return transport.CheckProtocol(protocol, t.caps.V6)
}

func (t *Transport) bind(p uint8, b *binding) error {
	for _, v6 := range t.families() {
		// Sending must not take a privilege that receiving had no need of any
		// more.
		if err := t.openSender(v6, p); err != nil {
			return err
		}
		s, err := t.openSock(v6, p)
		if err != nil {
			return err
		}
		b.socks = append(b.socks, s)
		if err := t.rejoin(s); err != nil {
			return err
		}
		id := sockID(v6, p)
		t.socks[id].Store(s)
		if err := opWrap("bind", t.q.Watch(s.fd, id)); err != nil {
			return err
		}
	}
	return t.bindErrors(p, b)
}

func (t *Transport) families() []bool {
	switch {
	case !t.caps.V6:
		return []bool{false}
	case !t.caps.V4:
		return []bool{true}
	}
	return []bool{false, true}
}

// unbind gives up the sockets of b, as far as there are any. A Recv that uses
// one closes it. Those that send stay: a Commit may be using them.
func (t *Transport) unbind(p uint8, b *binding) {
	for _, s := range b.socks {
		s.dead.Store(true)
		t.q.Unwatch(s.fd)
		t.socks[sockID(s.v6, p)].CompareAndSwap(s, nil)
		s.release()
	}
	for _, s := range b.errs {
		s.dead.Store(true)
		t.q.Unwatch(s.fd)
		t.errs[sockID(s.v6, p)].CompareAndSwap(s, nil)
		s.release()
	}
	if b.guard != nil {
		b.guard.Close()
	}
}

// Unbind implements [transport.Transport].
func (t *Transport) Unbind(protocol int) error {
	if !t.calls.Enter() {
		return net.ErrClosed
	}
	defer t.calls.Leave()
	if err := t.checkProtocol(protocol); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := uint8(protocol)
	b := t.bound[p]
	if b == nil {
		return nil
	}
	delete(t.bound, p)
	t.unbind(p, b)
	return nil
}
