// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"protean/transport"
)

// A membership is one that sockets opened later get, too. source is the zero
// Addr unless the membership is source-specific.
type membership struct {
	ifindex       int
	group, source netip.Addr
}

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
	if !t.calls.enter() {
		return net.ErrClosed
	}
	defer t.calls.leave()
	all, err := t.memberships(ifindex, group, sources)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range all {
		if t.groups[m] == join {
			if !join {
				return opError("leave", "setsockopt", unix.EADDRNOTAVAIL)
			}
			continue
		}
		if err := t.apply(m, join); err != nil {
			return err
		}
		if join {
			t.groups[m] = true
		} else {
			delete(t.groups, m)
		}
		t.publishSources()
	}
	return nil
}

// publishSources makes the source-specific IPv6 memberships known to excluded.
// The caller holds mu.
func (t *Transport) publishSources() {
	var specific map[membership]bool
	for m := range t.groups {
		if m.source.IsValid() && m.source.Is6() {
			if specific == nil {
				specific = make(map[membership]bool)
			}
			specific[m] = true
			specific[membership{ifindex: m.ifindex, group: m.group}] = true
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
	m := membership{ifindex: int(p.IfIndex), group: p.Dst()}
	if !(*specific)[m] {
		return false
	}
	m.source = p.Src()
	return !(*specific)[m]
}

// memberships checks the arguments of Join and Leave.
func (t *Transport) memberships(ifindex int, group netip.Addr, sources []netip.Addr) ([]membership, error) {
	group = group.Unmap().WithZone("")
	switch {
	case t.cfg.SendOnly:
		return nil, unsupported("receiving with SendOnly")
	case !group.IsMulticast():
		return nil, addrError("it is not a multicast address", group)
	case group.Is6() && !t.caps.V6 || group.Is4() && !t.caps.V4:
		return nil, addrError("the transport does not carry its family", group)
	case ifindex <= 0:
		return nil, opError("join", "setsockopt", unix.ENODEV)
	}
	if len(sources) == 0 {
		return []membership{{ifindex: ifindex, group: group}}, nil
	}
	var all []membership
	for _, s := range sources {
		if s = s.Unmap().WithZone(""); s.Is6() != group.Is6() || !s.IsValid() {
			return nil, addrError("it is not a source of the group's family", s)
		}
		all = append(all, membership{ifindex, group, s})
	}
	return all, nil
}

// apply changes a membership on all sockets of its family, or on none if one
// fails. If there is none, it is tried out on one made for that.
func (t *Transport) apply(m membership, join bool) error {
	var done []*sock
	for _, b := range t.bound {
		for _, s := range b.socks {
			if s.v6 != m.group.Is6() {
				continue
			}
			if err := m.set(s.fd, join); err != nil {
				for _, d := range done {
					m.set(d.fd, !join)
				}
				return err
			}
			done = append(done, s)
		}
	}
	if len(done) > 0 || !join {
		return nil
	}
	fd, err := t.socket(m.group.Is6(), unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return m.set(fd, true)
}

// rejoin makes a new socket a member of what was joined before.
func (t *Transport) rejoin(s *sock) error {
	for m := range t.groups {
		if m.group.Is6() == s.v6 {
			if err := m.set(s.fd, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// set changes the membership of one socket. It works on a duplicate of the
// descriptor, since package net takes what it is given into its poller; a
// membership belongs to the socket that the two share.
func (m membership) set(fd int, join bool) error {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return opError("join", "fcntl", err)
	}
	f := os.NewFile(uintptr(dup), "raw socket")
	defer f.Close()
	c, err := net.FilePacketConn(f)
	if err != nil {
		return &net.OpError{Op: "join", Net: name, Err: err}
	}
	defer c.Close()
	err = m.setConn(c, join)
	if errno := unix.Errno(0); errors.As(err, &errno) {
		if join && errno == unix.EADDRINUSE {
			return nil // a member already
		}
		return opError("join", "setsockopt", errno)
	}
	return err
}

// setter is what x/net/ipv4 and x/net/ipv6 have in common.
type setter interface {
	JoinGroup(*net.Interface, net.Addr) error
	LeaveGroup(*net.Interface, net.Addr) error
	JoinSourceSpecificGroup(*net.Interface, net.Addr, net.Addr) error
	LeaveSourceSpecificGroup(*net.Interface, net.Addr, net.Addr) error
}

func (m membership) setConn(c net.PacketConn, join bool) error {
	var s setter = ipv4.NewPacketConn(c)
	if m.group.Is6() {
		s = ipv6.NewPacketConn(c)
	}
	ifi := &net.Interface{Index: m.ifindex}
	group := &net.IPAddr{IP: m.group.AsSlice()}
	source := &net.IPAddr{IP: m.source.AsSlice()}
	switch {
	case join && m.source.IsValid():
		return s.JoinSourceSpecificGroup(ifi, group, source)
	case join:
		return s.JoinGroup(ifi, group)
	case m.source.IsValid():
		return s.LeaveSourceSpecificGroup(ifi, group, source)
	}
	return s.LeaveGroup(ifi, group)
}
