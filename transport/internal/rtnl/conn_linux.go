// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rtnl

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport/internal/netns"
)

// Dial opens a socket for questions in the namespace at path, or in the calling
// thread's if path is empty.
func Dial(path string) (c *netlink.Conn, err error) {
	err = netns.Do(path, func() (err error) {
		c, err = netlink.Dial(unix.NETLINK_ROUTE, nil)
		return err
	})
	return c, err
}

// Execute sends a request made of a fixed header and attributes, and returns
// the answer. An error of the kernel's is an *[os.SyscallError] around its
// errno.
func Execute(c *netlink.Conn, kind, flags uint16, header []byte, attributes func(*netlink.AttributeEncoder)) ([]netlink.Message, error) {
	ae := netlink.NewAttributeEncoder()
	if attributes != nil {
		attributes(ae)
	}
	b, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	m, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | netlink.HeaderFlags(flags)},
		Data:   append(header, b...),
	})
	var errno unix.Errno
	if errors.As(err, &errno) {
		err = os.NewSyscallError("rtnetlink", errno)
	}
	return m, err
}

// Family returns the address family of a.
func Family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// Attributes returns a decoder of what follows a fixed header of n bytes; one
// without attributes if there is not as much.
func Attributes(b []byte, n int) (*netlink.AttributeDecoder, error) {
	if len(b) < n {
		return netlink.NewAttributeDecoder(nil)
	}
	return netlink.NewAttributeDecoder(b[n:])
}

// Addr returns the address in an attribute; the zero Addr if it is none.
func Addr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Uint32 returns the number in an attribute, 0 if it is too short. Netlink
// speaks the host's byte order.
func Uint32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}
