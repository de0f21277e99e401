// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package icmp

import (
	"errors"
	"slices"

	"protean/proto"
	"protean/proto/wire"
	"protean/transport"
)

// Config holds the options of Register. The zero value of each field is its
// default.
type Config struct {
	// Always answers for all of the host's addresses, as the kernel would.
	Always bool

	// NoEcho, NoTimestamp, NoUnreachable and NoFragments leave out answers to
	// echo requests (RFC 792, RFC 4443 section 4.2), to timestamp requests (RFC
	// 792), what is said about protocols that nobody takes, and about fragments.
	NoEcho, NoTimestamp, NoUnreachable, NoFragments bool

	// Broadcast answers echo requests to IPv4 broadcast and multicast addresses.
	// The kernel does not, by default (net.ipv4.icmp_echo_ignore_broadcasts);
	// those to IPv6 groups are answered (RFC 4443 section 4.2).
	Broadcast bool
}

// Register has a host answer as a kernel does. cfg may be nil. Errors are those
// of Host.HandleWith. Closing the binding ends it.
func Register(h *proto.Host, cfg *Config) (*proto.Binding, error) {
	x := &handler{}
	if cfg != nil {
		x.Config = *cfg
	}
	_, x.inMemory = transport.As[transport.Clock](h.Transport())
	x.node, _ = transport.As[node](h.Transport())
	o := &proto.Options{AnyProtocol: true, Last: true}
	caps := h.Transport().Caps()
	if caps.V4 {
		o.Protocols = append(o.Protocols, wire.ProtoICMP)
	}
	if caps.V6 {
		o.Protocols = append(o.Protocols, wire.ProtoICMPv6)
	}
	return h.HandleWith(x, o)
}

// A node is a transport that can have a kernel of its own, from one packet to the
// next: that of a network in memory.
type node interface{ HasKernel() bool }

type handler struct {
	Config
	inMemory bool
	node     node // nil: there is no such
	ifaces   []transport.Interface
}

// alone reports whether no kernel answers.
func (x *handler) alone() bool {
	return x.Always || x.inMemory && (x.node == nil || !x.node.HasKernel())
}

// HandleLink keeps the addresses of the interfaces.
func (x *handler) HandleLink(env *proto.Env, _ *transport.Interface) error {
	x.ifaces = env.Interfaces()
	return nil
}

// answersFor reports whether a packet is to an address that nobody else answers
// for.
func (x *handler) answersFor(env *proto.Env, p *proto.Packet) bool {
	if p.Type() == transport.PacketOtherHost || p.Type() == transport.PacketOutgoing {
		return false
	}
	return (p.Dst().IsMulticast() || p.Type() == transport.PacketBroadcast || x.has(p)) && x.alone() || env.Claimed(p.Dst())
}

func (x *handler) has(p *proto.Packet) bool {
	dst := p.Dst()
	return dst.IsLoopback() || slices.ContainsFunc(x.ifaces, func(i transport.Interface) bool {
		for _, q := range i.Prefixes {
			if q.Addr().WithZone("") == dst {
				return true
			}
		}
		return false
	})
}

// HandlePacket answers a packet that nobody else took.
func (x *handler) HandlePacket(env *proto.Env, p *proto.Packet) error {
	if !x.answersFor(env, p) {
		return proto.Pass
	}
	switch protocol := p.Protocol(); {
	case protocol == wire.ProtoICMP && !p.Is6():
		return x.message4(env, p)
	case protocol == wire.ProtoICMPv6 && p.Is6():
		return x.message6(env, p)
	case protocol == wire.ProtoNoNext && p.Is6():
		return nil // there is nothing to be taken, RFC 8200 section 4.7
	case !x.NoUnreachable:
		if err := withheld(Unreachable(env, p, Protocol)); err != nil {
			return err
		}
	}
	return transport.NoHandler
}

// HandleFragment sends the error that is due about a fragment.
func (x *handler) HandleFragment(env *proto.Env, p *proto.Packet, typ, code uint8, arg uint32) error {
	if x.NoFragments || !x.answersFor(env, p) {
		return nil
	}
	return withheld(env.Unreachable(p, typ, code, arg))
}

// withheld is err, unless it says that nothing was to be sent: that is counted.
func withheld(err error) error {
	if errors.Is(err, proto.ErrNoICMPError) || errors.Is(err, proto.ErrICMPRate) {
		return nil
	}
	return err
}
