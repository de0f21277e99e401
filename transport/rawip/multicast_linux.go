// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/sockio"
)

// Join implements [transport.Multicaster]: the sockets of all protocols become
// members, those of protocols bound later included.
//
// The kernel gives a raw socket without a membership in a group what others on
// the host have joined, too; the sources of a source-specific membership hold
// for every socket of the transport.
func (t *Transport) Join(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	return t.change(true, ifindex, group, sources)
}

// Leave implements [transport.Multicaster]. Leaving what was not joined is an
// error around EADDRNOTAVAIL.
func (t *Transport) Leave(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	return t.change(false, ifindex, group, sources)
}

func (t *Transport) change(join bool, ifindex int, group netip.Addr, sources []netip.Addr) error {
	if !t.calls.Enter() {
		return net.ErrClosed
	}
	defer t.calls.Leave()
	op := "leave"
	if join {
		op = "join"
	}
	all, err := t.memberships(op, ifindex, group, sources)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err = t.groups.Change(all, join, t.apply)
	t.publishSources()
	return opWrap(op, err)
}

// publishSources makes the source-specific IPv6 memberships known to excluded.
// The caller holds mu.
func (t *Transport) publishSources() {
	var specific map[sockio.Membership]bool
	for m := range t.groups {
		if m.Source.IsValid() && m.Source.Is6() {
			if specific == nil {
				specific = make(map[sockio.Membership]bool)
			}
			specific[m] = true
			specific[sockio.Membership{IfIndex: m.IfIndex, Group: m.Group}] = true
		}
	}
	if specific == nil {
		t.sources6.Store(nil)
		return
	}
	t.sources6.Store(&specific)
}

// excluded reports whether a packet to an IPv6 group is from a source that was
// not joined. The kernel sees to this for IPv4, but not for IPv6 raw sockets
// that are not bound to an address (raw_v6_match in net/ipv6/raw.c).
func (t *Transport) excluded(p *transport.Packet) bool {
	specific := t.sources6.Load()
	if specific == nil || !p.Is6() || p.Type() != transport.PacketMulticast {
		return false
	}
	m := sockio.Membership{IfIndex: int(p.IfIndex), Group: p.Dst()}
	if !(*specific)[m] {
		return false
	}
	m.Source = p.Src()
	return !(*specific)[m]
}

// memberships checks the arguments of Join and Leave.
func (t *Transport) memberships(op string, ifindex int, group netip.Addr, sources []netip.Addr) ([]sockio.Membership, error) {
	if t.cfg.SendOnly {
		return nil, unsupported("receiving with SendOnly")
	}
	all, err := sockio.Memberships(ifindex, group, sources)
	switch group = group.Unmap(); {
	case err != nil:
		return nil, opWrap(op, err)
	case group.Is6() && !t.caps.V6 || group.Is4() && !t.caps.V4:
		return nil, addrError(op, "the transport does not carry its family", group)
	case ifindex <= 0:
		return nil, opError(op, "setsockopt", unix.ENODEV)
	}
	return all, nil
}

// apply changes a membership on all sockets of its family, or on none if one
// fails. If there is none, it is tried out on one made for that.
func (t *Transport) apply(m sockio.Membership, join bool) error {
	var done []*sock
	for _, b := range t.bound {
		for _, s := range b.socks {
			if s.v6 != m.Group.Is6() {
				continue
			}
			if err := m.Set(s.fd, join); err != nil {
				for _, d := range done {
					m.Set(d.fd, !join)
				}
				return err
			}
			done = append(done, s)
		}
	}
	if len(done) > 0 || !join {
		return nil
	}
	// Any socket does; this one takes no privileges.
	family := unix.AF_INET
	if m.Group.Is6() {
		family = unix.AF_INET6
	}
	return t.ns.Do(func() error {
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(fd)
		return m.Set(fd, true)
	})
}

// rejoin makes a new socket a member of what was joined before.
func (t *Transport) rejoin(s *sock) error {
	for m := range t.groups {
		if m.Group.Is6() == s.v6 {
			if err := m.Set(s.fd, true); err != nil && !errors.Is(err, unix.ENODEV) { // about to be forgotten
				return opWrap("join", err)
			}
		}
	}
	return nil
}

// forgetGroups ends the memberships on an interface that is gone. The sockets still have
// them, which on one that gets its index would be members of nothing, and could not join.
func (t *Transport) forgetGroups(ifindex int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for m := range t.groups {
		if m.IfIndex != ifindex {
			continue
		}
		for _, b := range t.bound {
			for _, s := range b.socks {
				if s.v6 == m.Group.Is6() {
					m.Set(s.fd, false)
				}
			}
		}
		delete(t.groups, m)
	}
	t.publishSources()
}
