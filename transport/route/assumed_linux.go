// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// assumed reports whether an answer has no route behind it. If no table has a route
// for an IPv4 destination through the interface asked about, or the one that is
// found refuses, the kernel assumes that the destination is on the link
// (ip_route_output_key_hash_rcu in net/ipv4/route.c). Asked for the table
// (RTM_F_LOOKUP_TABLE, since Linux 4.4), it names none then. Groups and
// broadcasts, which have types of their own, need no route through an interface
// that is named.
func assumed(b []byte, dst netip.Addr) bool {
	return dst.Is4() && len(b) >= unix.SizeofRtMsg && routeType(b[7]) == Unicast && b[rtmTable] == unix.RT_TABLE_UNSPEC
}

// own returns the answer for a destination without a route through the interface
// asked about: none, but for an address of this host and the loopback interface,
// where packets to it go. The table names the interface that has the address.
func (a *asker) own(b []byte, dst netip.Addr) ([]byte, error) {
	if binary.NativeEndian.Uint32(b[8:])&rtcfLocal != 0 { // that is the loopback interface
		if b, err := a.exchange(dst, 0); err == nil && len(b) >= unix.SizeofRtMsg && routeType(b[7]) == Local {
			return b, nil
		}
	}
	return nil, unix.ENETUNREACH
}

const (
	rtmTable  = 4          // offset of rtm_table in struct rtmsg
	rtcfLocal = 0x80000000 // RTCF_LOCAL in <linux/in_route.h>
)
