// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"protean/proto/wire"
	"protean/transport"
)

// Bind implements [transport.Transport].
func (t *Transport) Bind(protocol int) error {
	if protocol != transport.AnyProtocol {
		if err := transport.CheckProtocol(protocol, true); err != nil {
			return err
		}
	}
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if err := t.usable(); err != nil {
		return err
	}
	if protocol == transport.AnyProtocol {
		t.all = true
	} else {
		t.bits[protocol>>6] |= 1 << (protocol & 63)
	}
	return nil
}

// Unbind implements [transport.Transport]. A protocol that is not bound is no
// error.
func (t *Transport) Unbind(protocol int) error {
	if protocol != transport.AnyProtocol {
		if err := transport.CheckProtocol(protocol, true); err != nil {
			return err
		}
	}
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if err := t.usable(); err != nil {
		return err
	}
	if protocol == transport.AnyProtocol {
		t.all = false
	} else {
		t.bits[protocol>>6] &^= 1 << (protocol & 63)
	}
	t.discard()
	return nil
}

// bound reports whether the protocol of a packet is wanted, or may be: that of
// an IPv6 fragment can lie behind another extension header.
func (t *Transport) bound(pk *transport.Packet) bool {
	protocol := pk.Protocol()
	return t.all || t.bits[protocol>>6]>>(protocol&63)&1 != 0 ||
		pk.Fragment() && pk.Is6() && wire.IsExtension(protocol) && t.bits != [4]uint64{}
}

// discard drops the packets that wait but are not bound any longer.
func (t *Transport) discard() {
	for range t.arrivals.Len() {
		a := *t.arrivals.At(0)
		t.arrivals.Drop()
		if t.bound(&a.pk) {
			t.arrivals.Push(a)
			continue
		}
		t.stats.Received++
		t.stats.ReceivedBytes += uint64(len(a.pk.Data))
		t.stats.Dropped[transport.Closed]++
		t.net.bufs.put(a.buf)
	}
}
