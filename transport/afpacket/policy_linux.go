// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/filter"
)

// A policy says which packets are delivered. It is made anew with every change
// and not changed afterwards. The kernel's filter says the same, as far as it
// can; what was queued before a change is judged here.
type policy struct {
	any     bool
	bound   [256]bool
	foreign bool

	// Destinations that are this host's: its addresses and broadcast addresses,
	// the groups that every host is in, and those that were joined.
	local map[netip.Addr]bool

	// Claimed addresses with a hardware address that is not the interface's.
	moved map[netip.Addr]wire.MAC

	// Sources of groups that were joined for some sources only.
	sources map[netip.Addr]map[netip.Addr]bool
}

// newPolicy makes a policy of what is bound, joined, and known of interfaces.
// The caller holds mu, or is Open.
func (t *Transport) newPolicy() *policy {
	p := &policy{foreign: t.foreign, local: map[netip.Addr]bool{}}
	for b := range t.bound {
		if b == transport.AnyProtocol {
			p.any = true
		} else {
			p.bound[b] = true
		}
	}
	for i := range t.own {
		here := t.own[i].Index == t.link.index
		for _, a := range t.own[i].Prefixes {
			if t.reaches(a.Addr(), here) {
				p.addOwn(a, t.own[i].Broadcast && here)
			}
		}
	}
	for _, a := range everybody {
		p.local[a] = true
	}
	p.addClaims(&t.claims)
	for m := range t.groups {
		if !m.Source.IsValid() {
			p.local[m.Group] = true
			continue
		}
		if p.sources == nil {
			p.sources = map[netip.Addr]map[netip.Addr]bool{}
		}
		if p.sources[m.Group] == nil {
			p.sources[m.Group] = map[netip.Addr]bool{}
		}
		p.sources[m.Group][m.Source] = true
	}
	return p
}

// everybody are the destinations that every host takes: limited broadcast (RFC
// 919), all hosts (RFC 1112), and all nodes (RFC 4291, section 2.7.1).
var everybody = [...]netip.Addr{
	netip.AddrFrom4([4]byte{255, 255, 255, 255}),
	netip.AddrFrom4([4]byte{224, 0, 0, 1}),
	netip.AddrFrom16([16]byte{0: 0xff, 1: 1, 15: 1}),
	netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 1}),
}

// reaches reports whether packets to an own address may come in through the
// transport's interface; here says that the address is of that interface. The
// kernel drops the others, too, as martians (ip_route_input_slow in
// net/ipv4/route.c, ip6_rcv_core in net/ipv6/ip6_input.c). Packets of this host to
// its link-local addresses come through the loopback interface, as do all others.
func (t *Transport) reaches(a netip.Addr, here bool) bool {
	switch {
	case a.IsLoopback(): // RFC 1122, section 3.2.1.3 (g); RFC 4291, section 2.5.3
		return t.loopback()
	case a.Is6() && a.IsLinkLocalUnicast(): // of one zone, RFC 4007, sections 5 and 9
		return here || t.loopback()
	}
	return true // by whichever interface, the weak host of RFC 1122, section 3.3.4.2
}

// addOwn adds an own address with what it brings along.
func (p *policy) addOwn(prefix netip.Prefix, broadcasts bool) {
	a := prefix.Addr().WithZone("")
	p.local[a] = true
	switch {
	case a.Is6(): // the solicited-node group (RFC 4291, section 2.7.1)
		b := a.As16()
		p.local[netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})] = true
	case broadcasts && prefix.Bits() < 31: // RFC 3021
		b := a.As4()
		n := binary.BigEndian.Uint32(b[:]) | 1<<(32-prefix.Bits()) - 1
		binary.BigEndian.PutUint32(b[:], n)
		p.local[netip.AddrFrom4(b)] = true
	}
}

// accepts reports whether packets to dst are delivered, and whether that holds
// for every source.
func (p *policy) accepts(dst, src netip.Addr, loopback bool) (ok, always bool) {
	if of := p.sources[dst]; of != nil {
		return of[src], false
	}
	return p.foreign || p.local[dst] || loopback && dst.IsLoopback(), true
}

// program is the policy as a filter for the transport's sockets, with or without the
// addresses that packets may be to.
func (t *Transport) program(p *policy, addresses bool) []bpf.RawInstruction {
	s := filter.Spec{V4: t.cfg.V4, V6: t.cfg.V6, Outgoing: t.cfg.Outgoing, OtherHost: p.foreign}
	if t.cfg.All {
		s.Tags = maxTags
	}
	if len(t.cfg.Lock) > 0 {
		s.Protocols, s.OtherHost = t.cfg.Lock, true
		return s.Program()
	}
	if s.Any = p.any; !p.any {
		for n, on := range p.bound {
			if on {
				s.Protocols = append(s.Protocols, uint8(n))
			}
		}
	}
	// What goes out is to whatever address, and the rest is judged here.
	if addresses && !p.foreign && !t.cfg.Outgoing {
		for a := range p.local {
			s.Dst = append(s.Dst, netip.PrefixFrom(a, a.BitLen()))
		}
		for a := range p.sources {
			s.Dst = append(s.Dst, netip.PrefixFrom(a, a.BitLen()))
		}
		if s := &s; t.loopback() {
			s.Dst = append(s.Dst, netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8))
		}
	}
	for a := range p.moved {
		s.OtherHostDst = append(s.OtherHostDst, netip.PrefixFrom(a, a.BitLen()))
	}
	return s.Program()
}

const maxTags = 4 // in-band VLAN tags that are stepped over

// update makes a policy and the filters that go with it take effect. Replacing
// a filter is atomic (SO_ATTACH_FILTER in socket(7)): at each moment the old or
// the new one holds. The caller holds mu.
func (t *Transport) update() error {
	p := t.newPolicy()
	before := t.policy.Swap(p)
	if len(t.cfg.Lock) > 0 {
		return nil
	}
	program := t.program(p, true)
	for _, q := range t.queues {
		for _, s := range q.sources {
			if err := t.attach(s.fd, p, &program); err != nil {
				t.policy.Store(before)
				return opError("bind", err)
			}
		}
	}
	return nil
}

// attach gives a socket a policy's program. If that does not fit beside the old one
// (net.core.optmem_max), it becomes the one without addresses: more is accepted then, and
// judged here.
func (t *Transport) attach(fd int, p *policy, program *[]bpf.RawInstruction) error {
	err := filter.Attach(fd, *program)
	if errors.Is(err, unix.ENOMEM) {
		*program = t.program(p, false)
		err = filter.Attach(fd, *program)
	}
	return err
}

func (t *Transport) loopback() bool {
	f := t.status.Load()
	return f != nil && f.Loopback
}

// look takes in what is known of the interface. The caller holds mu, or is
// Open.
func (t *Transport) look() {
	for i := range t.own {
		if t.own[i].Index == t.link.index {
			f := t.own[i]
			t.status.Store(&f)
			return
		}
	}
}

// refresh takes in that interfaces or addresses have changed, as links has seen it.
func (t *Transport) refresh() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.own = t.links.Interfaces()
	t.look()
	t.update() // fails only if a socket is gone, which Recv will tell
}
