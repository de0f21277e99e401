// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"protean/transport/internal/netns"
)

// discard is the port of the discard service (RFC 863).
const discard = 9

// probe makes the kernel resolve a neighbour without CAP_NET_ADMIN, as any
// program does: by sending to it.
func probe(ns *netns.Handle, hop netip.Addr, ifindex int) error {
	return ns.Do(func() error {
		family := unix.AF_INET
		var to unix.Sockaddr
		if hop.Is4() {
			to = &unix.SockaddrInet4{Port: discard, Addr: hop.As4()}
		} else {
			family = unix.AF_INET6
			to = &unix.SockaddrInet6{Port: discard, Addr: hop.As16(), ZoneId: uint32(ifindex)}
		}
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, ifindex); err != nil {
			return os.NewSyscallError("setsockopt SO_BINDTOIFINDEX", err)
		}
		return os.NewSyscallError("sendto", unix.Sendto(fd, nil, 0, to))
	})
}
