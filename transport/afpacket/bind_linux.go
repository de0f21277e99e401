// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"io"
	"net"
	"slices"

	"protean/transport"
	"protean/transport/internal/sockio"
)

// A binding is what goes with a bound protocol.
type binding struct {
	guard io.Closer
}

// Bind implements [transport.Transport]. With Config.Lock, other protocols are
// refused with a *[transport.UnsupportedError]. With [transport.AnyProtocol]
// the kernel is not kept from answering: who watches does not answer for the
// host.
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
	if t.bound[protocol] != nil {
		return nil
	}
	b := &binding{guard: io.NopCloser(nil)}
	if protocol != transport.AnyProtocol && !t.cfg.NoGuard {
		var err error
		if b.guard, err = sockio.OpenGuard(t.ns, protocol, t.cfg.V4, t.cfg.V6, t.cfg.HideFragments); err != nil {
			return err
		}
	}
	t.bound[protocol] = b
	if err := t.update(); err != nil {
		delete(t.bound, protocol)
		b.guard.Close()
		return err
	}
	return nil
}

func (t *Transport) checkProtocol(protocol int) error {
	locked := len(t.cfg.Lock) > 0
	if protocol == transport.AnyProtocol {
		if locked {
			return unsupported("receiving every protocol with Config.Lock")
		}
		return nil
	}
	if err := transport.CheckProtocol(protocol, t.cfg.V6); err != nil {
		return err
	}
	if locked && !slices.Contains(t.cfg.Lock, uint8(protocol)) {
		return unsupported("receiving a protocol that is not in Config.Lock")
	}
	return nil
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
	b := t.bound[protocol]
	if b == nil {
		return nil
	}
	delete(t.bound, protocol)
	// The policy ends delivery; a filter that could not be changed only lets
	// too much in.
	err := t.update()
	if err != nil {
		t.policy.Store(t.newPolicy())
	}
	b.guard.Close()
	return err
}

// ReceiveForeign implements [transport.ForeignReceiver]: with on, packets to
// whatever address are delivered, and those in frames to somebody else's
// hardware address, which Config.Promiscuous brings in.
func (t *Transport) ReceiveForeign(on bool) error {
	if !t.calls.Enter() {
		return net.ErrClosed
	}
	defer t.calls.Leave()
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.foreign
	t.foreign = on
	if err := t.update(); err != nil {
		t.foreign = before
		return err
	}
	return nil
}
