// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"

	"protean/proto/wire"
	"protean/transport"
)

// known is the last destination of each family that the policy takes from any
// source: packets come in runs, and a look into a map costs as much as all the
// rest.
type known struct {
	policy *policy
	has4   bool
	has6   bool
	dst4   uint32
	dst6   [16]byte
}

// judge says why a packet is not delivered, DropNone if it is.
func (r *receiver) judge(t *Transport, p *transport.Packet) transport.DropReason {
	pol := t.policy.Load()
	if !pol.bound[p.Protocol()] && !pol.any && !(p.Fragment() && p.Is6() && wire.IsExtension(p.Protocol()) && pol.some()) {
		return transport.Filtered
	}
	switch p.Type() {
	case transport.PacketOtherHost:
		if !pol.foreign {
			return transport.NotLocal
		}
	case transport.PacketOutgoing:
		if !t.cfg.Outgoing {
			return transport.Filtered
		}
		return transport.DropNone
	}
	k := &r.known
	if k.policy != pol {
		*k = known{policy: pol}
	}
	if p.Is6() {
		if k.has6 && [16]byte(p.Data[24:40]) == k.dst6 {
			return transport.DropNone
		}
	} else if k.has4 && binary.NativeEndian.Uint32(p.Data[16:]) == k.dst4 {
		return transport.DropNone
	}
	return k.look(t, p)
}

// look asks the policy about a packet's addresses.
func (k *known) look(t *Transport, p *transport.Packet) transport.DropReason {
	ok, always := k.policy.accepts(p.Dst(), p.Src(), t.loopback())
	switch {
	case !ok:
		return transport.NotLocal
	case !always:
	case p.Is6():
		k.has6, k.dst6 = true, [16]byte(p.Data[24:40])
	default:
		k.has4, k.dst4 = true, binary.NativeEndian.Uint32(p.Data[16:])
	}
	return transport.DropNone
}

// some reports whether anything is bound.
func (p *policy) some() bool { return p.any || p.bound != [256]bool{} }
