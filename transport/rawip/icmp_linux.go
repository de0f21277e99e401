// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Options of <linux/icmp.h> and <linux/icmpv6.h> that x/sys lacks.
const (
	icmpFilter  = 1 // ICMP_FILTER, of level SOL_RAW
	icmp6Filter = 1 // ICMPV6_FILTER, of level IPPROTO_ICMPV6
)

// filterICMP has a socket receive only the types of ICMP messages that the
// configuration wants. The filters have a bit for each type that is not wanted.
func (c *Config) filterICMP(fd int, v6 bool, protocol uint8) error {
	switch {
	case !v6 && protocol == unix.IPPROTO_ICMP && c.ICMPTypes != nil:
		b := unwanted(c.ICMPTypes, 1)
		return opError("open", "setsockopt ICMP_FILTER", unix.SetsockoptString(fd, unix.SOL_RAW, icmpFilter, b))
	case v6 && protocol == unix.IPPROTO_ICMPV6 && c.ICMPv6Types != nil:
		b := unwanted(c.ICMPv6Types, 8)
		return opError("open", "setsockopt ICMPV6_FILTER", unix.SetsockoptString(fd, unix.IPPROTO_ICMPV6, icmp6Filter, b))
	}
	return nil
}

// unwanted is a filter of 32-bit words with all bits set but those of types.
func unwanted(types []uint8, words int) string {
	var set [8]uint32
	for _, t := range types {
		set[t/32] |= 1 << (t % 32)
	}
	var b []byte
	for _, w := range set[:words] {
		b = binary.NativeEndian.AppendUint32(b, ^w)
	}
	return string(b)
}
