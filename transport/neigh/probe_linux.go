// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"protean/transport/filter"
	"protean/transport/internal/netns"
)

// discard is the port of the discard service (RFC 863).
const discard = 9

// A prober makes the kernel resolve a neighbour without CAP_NET_ADMIN, as any
// program does: by sending to it. It has a socket of each family that there is,
// which receives nothing. It is not safe for concurrent use.
type prober struct {
	ns     *netns.Handle
	v4, v6 probeSocket
	err    error // why there are none: nobody needs them with CAP_NET_ADMIN
}

// probeSocket is a descriptor and 1, or 0 if there is none.
type probeSocket int

// open opens the sockets. The prober closes ns.
func (p *prober) open(ns *netns.Handle) {
	p.ns = ns
	p.err = ns.Do(func() (err error) {
		if p.v4, err = openProbe(unix.AF_INET); err == nil {
			p.v6, err = openProbe(unix.AF_INET6)
		}
		return err
	})
}

func openProbe(family int) (probeSocket, error) {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return 0, nil
	}
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	// With the first datagram it gets a port, to which others may send.
	if err := filter.Attach(fd, filter.None()); err != nil {
		unix.Close(fd)
		return 0, err
	}
	return probeSocket(fd + 1), nil
}

func (s probeSocket) close() {
	if s != 0 {
		unix.Close(int(s - 1))
	}
}

func (p *prober) close() {
	p.v4.close()
	p.v6.close()
	p.ns.Close()
}

// probe sends to a neighbour on an interface. The datagram says which: a socket that
// is bound to one needs a privilege to be bound to another.
func (p *prober) probe(hop netip.Addr, ifindex int) error {
	s, family, control := &p.v4, unix.AF_INET, unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(ifindex)})
	var to unix.Sockaddr
	if hop.Is4() {
		to = &unix.SockaddrInet4{Port: discard, Addr: hop.As4()}
	} else {
		s, family, control = &p.v6, unix.AF_INET6, unix.PktInfo6(&unix.Inet6Pktinfo{Ifindex: uint32(ifindex)})
		to = &unix.SockaddrInet6{Port: discard, Addr: hop.As16(), ZoneId: uint32(ifindex)}
	}
	if *s == 0 {
		if p.err != nil {
			return p.err
		}
		return os.NewSyscallError("socket", unix.EAFNOSUPPORT)
	}
	err := unix.Sendmsg(int(*s-1), nil, control, to, 0)
	if err == unix.EAGAIN {
		// What waits for neighbours that do not answer, some 256 of them, is counted
		// against the socket's send buffer. Another socket has one of its own; the kernel
		// keeps this one for as long as it needs it.
		if p.ns.Do(func() error { return p.replace(s, family) }) == nil {
			err = unix.Sendmsg(int(*s-1), nil, control, to, 0)
		}
	}
	return os.NewSyscallError("sendmsg", err)
}

// replace opens a socket in place of s.
func (p *prober) replace(s *probeSocket, family int) error {
	another, err := openProbe(family)
	if err == nil {
		s.close()
		*s = another
	}
	return err
}
