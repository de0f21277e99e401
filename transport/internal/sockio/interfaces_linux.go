// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/netns"
	"protean/transport/internal/rtnl"
)

// Interfaces is a socket to ask for the interfaces of a namespace. Once it is open, that
// takes no privileges, no descriptors and no /proc. It is safe for concurrent use.
type Interfaces struct {
	mu     sync.Mutex
	conn   *netlink.Conn
	closed bool
}

// Open opens the socket. The caller closes it.
func (s *Interfaces) Open(ns *netns.Handle) error {
	return ns.Do(func() (err error) {
		s.conn, err = rtnl.Dial("")
		return err
	})
}

// Close closes the socket.
func (s *Interfaces) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed = true; s.conn != nil {
		s.conn.Close()
	}
}

// List lists the interfaces, or only the one of the given index if that is not 0. It asks
// twice however many there are, where package net asks for all addresses once for
// each.
func (s *Interfaces) List(only int) ([]transport.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	return steady(func() ([]transport.Interface, error) { return list(s.conn, only) })
}

// Index returns the index of the interface of a name. The error is an
// *[os.SyscallError], around ENODEV if there is none.
func (s *Interfaces) Index(name string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	none := os.NewSyscallError("if_nametoindex "+strconv.Quote(name), unix.ENODEV)
	if name == "" || len(name) >= unix.IFNAMSIZ || strings.ContainsRune(name, 0) {
		return 0, none // the kernel would find another one, or have an error of its own
	}
	answer, err := rtnl.Execute(s.conn, unix.RTM_GETLINK, 0, make([]byte, unix.SizeofIfInfomsg), func(ae *netlink.AttributeEncoder) {
		ae.String(unix.IFLA_IFNAME, name)
		ae.Uint32(unix.IFLA_EXT_MASK, skipStats)
	})
	if errors.Is(err, unix.ENODEV) {
		err = none
	}
	if err != nil {
		return 0, err
	}
	for _, m := range answer {
		if f, ok := link(uint16(m.Header.Type), m.Data); ok {
			return f.Index, nil
		}
	}
	return 0, none
}

// Zone returns the index of the interface that an address's zone names, as a
// name or a number.
func (s *Interfaces) Zone(zone string) (int, error) {
	if n, err := strconv.ParseUint(zone, 10, 31); err == nil {
		return int(n), nil
	}
	return s.Index(zone)
}
