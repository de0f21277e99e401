// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/rtnl"
)

// listTries is how often interfaces are listed at most, if they change meanwhile.
const listTries = 4

// skipStats is RTEXT_FILTER_SKIP_STATS in <linux/rtnetlink.h> (since Linux 4.7):
// counters are a quarter of an answer, and summed up over all processors for it.
const skipStats = 1 << 3

// offsets in struct ifinfomsg and struct ifaddrmsg
const (
	ifiType      = 2
	ifiIndex     = 4
	ifiFlags     = 8
	ifaPrefixLen = 1
	ifaIndex     = 4
)

// steady calls list again if they changed meanwhile. While they change all the
// time, there is nothing better than what it has seen.
func steady(list func() ([]transport.Interface, error)) (all []transport.Interface, err error) {
	for range listTries {
		if all, err = list(); !errors.Is(err, unix.EINTR) {
			return all, err
		}
	}
	return all, nil
}

// list is Interfaces.List, once. With an error around EINTR it returns what it has
// seen, too.
func list(c *netlink.Conn, only int) ([]transport.Interface, error) {
	var all []transport.Interface
	at := make(map[int]int) // by index, where in all
	request := make([]byte, unix.SizeofIfInfomsg)
	request = binary.NativeEndian.AppendUint16(request, unix.SizeofRtAttr+4)
	request = binary.NativeEndian.AppendUint16(request, unix.IFLA_EXT_MASK)
	request = binary.NativeEndian.AppendUint32(request, skipStats)
	err := rtnl.DumpOver(c, unix.RTM_GETLINK, request, func(kind uint16, b []byte) bool {
		f, ok := link(kind, b)
		if ok && (only == 0 || only == f.Index) {
			if i, twice := at[f.Index]; twice { // they change meanwhile
				all[i] = f
				return true
			}
			at[f.Index] = len(all)
			all = append(all, f)
		}
		return true
	})
	if err != nil && !errors.Is(err, unix.EINTR) || len(all) == 0 {
		return nil, err
	}
	aerr := rtnl.DumpOver(c, unix.RTM_GETADDR, make([]byte, unix.SizeofIfAddrmsg), func(kind uint16, b []byte) bool {
		if index, p, ok := prefix(kind, b); ok {
			// The interface may have come meanwhile.
			if i, ok := at[index]; ok {
				all[i].Prefixes = append(all[i].Prefixes, p)
			}
		}
		return true
	})
	if aerr != nil && !errors.Is(aerr, unix.EINTR) {
		return nil, aerr
	}
	if err == nil {
		err = aerr
	}
	return all, err
}

// link reads an answer to RTM_GETLINK.
func link(kind uint16, b []byte) (f transport.Interface, ok bool) {
	if kind != unix.RTM_NEWLINK || len(b) < unix.SizeofIfInfomsg {
		return f, false
	}
	flags := rtnl.Uint32(b[ifiFlags:])
	f = transport.Interface{
		Index:        int(rtnl.Uint32(b[ifiIndex:])),
		Up:           flags&unix.IFF_UP != 0,
		Broadcast:    flags&unix.IFF_BROADCAST != 0,
		Multicast:    flags&unix.IFF_MULTICAST != 0,
		Loopback:     flags&unix.IFF_LOOPBACK != 0,
		PointToPoint: flags&unix.IFF_POINTOPOINT != 0,
	}
	ad, err := rtnl.Attributes(b, unix.SizeofIfInfomsg)
	if err != nil {
		return f, false
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.IFLA_IFNAME:
			f.Name = ad.String()
		case unix.IFLA_MTU:
			f.MTU = int(ad.Uint32())
		case unix.IFLA_ADDRESS:
			f.HardwareAddr = hardwareAddr(binary.NativeEndian.Uint16(b[ifiType:]), ad.Bytes())
		}
	}
	return f, ad.Err() == nil
}

// hardwareAddr returns b unless it is no such address: zeros, or, of a tunnel, an
// IP address.
func hardwareAddr(kind uint16, b []byte) net.HardwareAddr {
	switch kind {
	case unix.ARPHRD_TUNNEL, unix.ARPHRD_SIT, unix.ARPHRD_IPGRE:
		if len(b) == net.IPv4len {
			return nil
		}
	case unix.ARPHRD_TUNNEL6, unix.ARPHRD_IP6GRE:
		if len(b) == net.IPv6len {
			return nil
		}
	}
	if !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) {
		return nil
	}
	return b
}

// prefix reads an answer to RTM_GETADDR: an own address, and the length of its
// prefix.
func prefix(kind uint16, b []byte) (index int, p netip.Prefix, ok bool) {
	if kind != unix.RTM_NEWADDR || len(b) < unix.SizeofIfAddrmsg || b[0] != unix.AF_INET && b[0] != unix.AF_INET6 {
		return 0, p, false
	}
	ad, err := rtnl.Attributes(b, unix.SizeofIfAddrmsg)
	if err != nil {
		return 0, p, false
	}
	// On the way to a peer, IFA_ADDRESS is the peer's (<linux/if_addr.h>).
	var local, other netip.Addr
	for ad.Next() {
		switch ad.Type() {
		case unix.IFA_LOCAL:
			local = rtnl.Addr(ad.Bytes())
		case unix.IFA_ADDRESS:
			other = rtnl.Addr(ad.Bytes())
		}
	}
	if !local.IsValid() {
		local = other
	}
	p = netip.PrefixFrom(local.Unmap(), int(b[ifaPrefixLen]))
	return int(rtnl.Uint32(b[ifaIndex:])), p, local.IsValid() && ad.Err() == nil
}
