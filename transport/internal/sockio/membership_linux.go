// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// A Membership is that of a socket in a multicast group. Source is the zero Addr
// unless the membership is source-specific (RFC 4607).
type Membership struct {
	IfIndex       int
	Group, Source netip.Addr
}

// Groups has the memberships of a transport.
type Groups map[Membership]bool

// Change makes all of them memberships, or none, by set, up to the first error of
// it. To join twice is nothing; to leave what was not joined is an error around
// EADDRNOTAVAIL.
func (g Groups) Change(all []Membership, join bool, set func(m Membership, join bool) error) error {
	for _, m := range all {
		switch {
		case g[m] && join:
			continue
		case !g[m] && !join:
			return os.NewSyscallError("setsockopt", unix.EADDRNOTAVAIL)
		}
		if err := set(m, join); err != nil {
			return err
		}
		if join {
			g[m] = true
		} else {
			delete(g, m)
		}
	}
	return nil
}

// Memberships checks the arguments of transport.Multicaster. The error is a
// *net.AddrError.
func Memberships(ifindex int, group netip.Addr, sources []netip.Addr) ([]Membership, error) {
	group = group.Unmap().WithZone("")
	if !group.IsMulticast() {
		return nil, &net.AddrError{Err: "it is not a multicast address", Addr: group.String()}
	}
	if len(sources) == 0 {
		return []Membership{{IfIndex: ifindex, Group: group}}, nil
	}
	var all []Membership
	for _, s := range sources {
		if s = s.Unmap().WithZone(""); s.Is6() != group.Is6() || !s.IsValid() {
			return nil, &net.AddrError{Err: "it is not a source of the group's family", Addr: s.String()}
		}
		all = append(all, Membership{IfIndex: ifindex, Group: group, Source: s})
	}
	return all, nil
}

// Set changes the membership of one socket. It works on a duplicate of the
// descriptor, since package net takes what it is given into its poller; a
// membership belongs to the socket that the two share.
func (m Membership) Set(fd int, join bool) error {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(dup), "raw socket")
	defer f.Close()
	c, err := net.FilePacketConn(f)
	if err != nil {
		return err
	}
	defer c.Close()
	err = m.setConn(c, join)
	if errno := unix.Errno(0); errors.As(err, &errno) {
		if join && errno == unix.EADDRINUSE {
			return nil // a member already
		}
		return os.NewSyscallError("setsockopt", errno)
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

func (m Membership) setConn(c net.PacketConn, join bool) error {
	var s setter = ipv4.NewPacketConn(c)
	if m.Group.Is6() {
		s = ipv6.NewPacketConn(c)
	}
	ifi := &net.Interface{Index: m.IfIndex}
	group := &net.IPAddr{IP: m.Group.AsSlice()}
	source := &net.IPAddr{IP: m.Source.AsSlice()}
	switch {
	case join && m.Source.IsValid():
		return s.JoinSourceSpecificGroup(ifi, group, source)
	case join:
		return s.JoinGroup(ifi, group)
	case m.Source.IsValid():
		return s.LeaveSourceSpecificGroup(ifi, group, source)
	}
	return s.LeaveGroup(ifi, group)
}
