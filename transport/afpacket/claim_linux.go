// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/claim"
)

// claims are the addresses that the transport has taken over. mu of the
// transport guards them.
type claims struct {
	addrs     map[netip.Addr]wire.MAC // zero: the interface's own
	responder *claim.Responder        // nil until it is needed, and on links without hardware addresses
}

// Claim implements [transport.Claimer]: packets to addr are delivered, ARP
// requests and neighbour solicitations for it are answered, and it is announced
// to the link (RFC 5227, RFC 4861). Claiming it again announces it again. hw is
// its hardware address; with one that is not the interface's own, frames to it
// are taken in, and packets sent from addr carry it, unless the sockets are
// cooked. A nil hw means the interface's own.
//
// It ends with Unclaim, and with the transport. Nobody is asked whether the
// address is in use. A host that forwards packets sends those to addr on, since
// the address is not the kernel's. Errors: net.ErrClosed,
// *[transport.PermissionError] if CAP_NET_RAW was given up since Open, and
// *[net.OpError] around
// ENODEV (another interface), EINVAL (not a unicast address of a family that is
// carried, or not an Ethernet address), EADDRINUSE (the kernel's own address),
// and what else the kernel says.
func (t *Transport) Claim(ifindex int, addr netip.Addr, hw []byte) error {
	if !t.calls.Enter() {
		return net.ErrClosed
	}
	defer t.calls.Leave()
	addr = addr.WithZone("")
	if err := t.checkClaim(ifindex, addr); err != nil {
		return err
	}
	var mac wire.MAC
	if len(hw) > 0 {
		if copy(mac[:], hw); len(hw) != len(mac) || mac.IsMulticast() || mac == (wire.MAC{}) || t.link.lacks {
			return callError("claim", "hardware address", unix.EINVAL)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if mac == t.hardwareAddr() {
		mac = wire.MAC{}
	}
	for i := range t.own {
		for _, p := range t.own[i].Prefixes {
			if p.Addr().WithZone("") == addr {
				return callError("claim", "address", unix.EADDRINUSE)
			}
		}
	}
	before, claimed := t.claims.addrs[addr]
	if t.claims.addrs == nil {
		t.claims.addrs = make(map[netip.Addr]wire.MAC)
	}
	// Packets are taken before anybody is told where to send them.
	t.claims.addrs[addr] = mac
	err := t.update()
	if err == nil {
		err = t.answer(addr, mac)
	}
	if err != nil {
		if t.claims.addrs[addr] = before; !claimed {
			delete(t.claims.addrs, addr)
		}
		t.update()
	}
	return err
}

// answer begins to answer for an address. The caller holds mu.
func (t *Transport) answer(addr netip.Addr, mac wire.MAC) error {
	if t.link.lacks {
		return nil
	}
	if t.claims.responder == nil {
		t.claims.responder = claim.New(t.ns, t.link.index, t.hardwareAddr)
	}
	err := t.claims.responder.Claim(addr, mac)
	if denied := new(transport.PermissionError); errors.As(err, &denied) {
		return opError("claim", err) // it says what it takes
	}
	if errors.Is(err, unix.EPERM) { // it opens packet sockets of its own
		return permission("claim", "socket", "CAP_NET_RAW", unix.EPERM)
	}
	return opError("claim", err)
}

// Unclaim implements [transport.Claimer]. Errors are as for Claim, and around
// EADDRNOTAVAIL if addr is not claimed.
func (t *Transport) Unclaim(ifindex int, addr netip.Addr) error {
	if !t.calls.Enter() {
		return net.ErrClosed
	}
	defer t.calls.Leave()
	addr = addr.WithZone("")
	if err := t.checkClaim(ifindex, addr); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.claims.addrs[addr]; !ok {
		return callError("claim", "address", unix.EADDRNOTAVAIL)
	}
	if t.claims.responder != nil {
		t.claims.responder.Unclaim(addr)
	}
	delete(t.claims.addrs, addr)
	return t.update()
}

func (t *Transport) checkClaim(ifindex int, addr netip.Addr) error {
	switch {
	case ifindex != t.link.index:
		return callError("claim", "interface", unix.ENODEV)
	case !addr.IsValid() || addr.Is4In6() || addr.IsMulticast() || addr.IsUnspecified() || addr.IsLoopback() || addr == everybody[0],
		addr.Is4() && !t.cfg.V4, addr.Is6() && !t.cfg.V6:
		return callError("claim", "address", unix.EINVAL)
	}
	return nil
}

func (c *claims) close() {
	if c.responder != nil {
		c.responder.Close()
	}
}

// addClaims adds the claimed addresses to a policy.
func (p *policy) addClaims(c *claims) {
	for a, mac := range c.addrs {
		p.addOwn(netip.PrefixFrom(a, a.BitLen()), false)
		if mac != (wire.MAC{}) {
			if p.moved == nil {
				p.moved = make(map[netip.Addr]wire.MAC)
			}
			p.moved[a] = mac
		}
	}
}

// arrived makes a packet to an address with a hardware address of its own, which
// for the kernel is somebody else's, one to this host.
func (p *policy) arrived(b []byte, f transport.Flags) transport.Flags {
	const kind = 7 // all values of a PacketType
	if p.moved == nil || f&transport.PacketType(kind).Flag() != transport.PacketOtherHost.Flag() || len(b) < 20 || b[0]>>4 == 6 && len(b) < 40 {
		return f
	}
	if _, ok := p.moved[destination(b)]; ok {
		return f &^ transport.PacketType(kind).Flag() // PacketHost is 0
	}
	return f
}

// source returns the hardware address that a packet is sent from: own, or that
// claimed together with its source address.
func (p *policy) source(b []byte, own wire.MAC) wire.MAC {
	if p.moved == nil {
		return own
	}
	src := netip.AddrFrom4([4]byte(b[12:16]))
	if b[0]>>4 == 6 {
		src = netip.AddrFrom16([16]byte(b[8:24]))
	}
	if mac, ok := p.moved[src]; ok {
		return mac
	}
	return own
}
