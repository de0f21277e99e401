// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import "golang.org/x/sys/unix"

// checksum has the kernel write and verify the checksums of an IPv6 socket, if
// that is asked for. It refuses to be told for ICMPv6, whose checksums it takes
// care of by itself (rawv6_init_sk in net/ipv6/raw.c).
func (c *Config) checksum(fd int, v6 bool, protocol uint8) error {
	if !v6 || !c.Checksum6 || protocol == unix.IPPROTO_ICMPV6 {
		return nil
	}
	return opError("open", "setsockopt IPV6_CHECKSUM",
		unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_CHECKSUM, c.Checksum6Offset))
}

// verifies reports whether the kernel has verified the checksums of what a
// socket receives.
func (c *Config) verifies(v6 bool, protocol uint8) bool {
	return v6 && (c.Checksum6 || protocol == unix.IPPROTO_ICMPV6)
}
