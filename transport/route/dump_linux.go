// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"protean/transport/internal/rtnl"
)

// offsets in struct rtmsg and struct fib_rule_hdr
const (
	dstLen       = 1
	sizeRuleHdr  = 12
	fraDst       = 1  // FRA_DST in <linux/fib_rules.h>
	rtaNHID      = 30 // RTA_NH_ID in <linux/rtnetlink.h>
	ifaPrefixLen = 1
)

// regions reads all prefixes that tell destinations apart: of routes in all
// tables, what was learnt about single destinations among them (since Linux 5.3
// for IPv4), and of rules. The caller holds mu.
func (a *asker) regions(gen uint64, until int64) (*regions, error) {
	g := &regions{gen: gen, until: until, apart: make(map[[8]byte]bool)}
	for _, p := range always() {
		g.add(p)
	}
	g.apart[[8]byte{}] = true // ::1, and prefixes with labels of their own (RFC 6724, section 2.1)
	n := 0
	prefix := func(body []byte, header int, dst uint16) bool {
		if len(body) < header || n >= maxPrefixes {
			g.split = true
			return false
		}
		n++
		addr := netip.IPv4Unspecified()
		switch body[0] {
		case unix.AF_INET:
		case unix.AF_INET6:
			addr = netip.IPv6Unspecified()
		default:
			return true
		}
		ad, err := rtnl.Attributes(body, header)
		if err != nil {
			g.split = true
			return false
		}
		for ad.Next() {
			switch t := ad.Type(); {
			case t == dst:
				addr = rtnl.Addr(ad.Bytes())
			case header == unix.SizeofRtMsg && (t == unix.RTA_MULTIPATH || t == rtaNHID):
				g.split = true // the way depends on a hash of the destination
			}
		}
		g.add(netip.PrefixFrom(addr, int(body[dstLen])))
		return !g.split
	}
	dump := func(kind uint16, header int, f func(kind uint16, body []byte) bool) error {
		if g.split {
			return nil
		}
		return rtnl.Dump(a.ns.Path(), kind, make([]byte, header), f)
	}
	err := dump(unix.RTM_GETROUTE, unix.SizeofRtMsg, func(_ uint16, b []byte) bool { return prefix(b, unix.SizeofRtMsg, unix.RTA_DST) })
	if err == nil {
		err = dump(unix.RTM_GETRULE, sizeRuleHdr, func(_ uint16, b []byte) bool { return prefix(b, sizeRuleHdr, fraDst) })
	}
	if err == nil {
		err = dump(unix.RTM_GETADDR, unix.SizeofIfAddrmsg, func(_ uint16, b []byte) bool {
			g.own(b)
			return true
		})
	}
	return g, err
}

// always are the prefixes that tell IPv4 destinations apart whatever the routes
// (ip_route_output_key_hash_rcu in net/ipv4/route.c): groups, all hosts, and the address
// that stands for this host. The rest of each family has a region, too.
func always() []netip.Prefix {
	v4 := func(a, b, c, d byte, bits int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{a, b, c, d}), bits)
	}
	return []netip.Prefix{
		v4(0, 0, 0, 0, 0), v4(0, 0, 0, 0, 32), v4(224, 0, 0, 0, 4), v4(255, 255, 255, 255, 32),
		netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	}
}

// own sets the destinations apart that have more than 64 bits in common with an
// own address whose prefix is longer than that: the choice of the source
// depends on all their bits.
func (g *regions) own(b []byte) {
	if len(b) < unix.SizeofIfAddrmsg || b[0] != unix.AF_INET6 || b[ifaPrefixLen] <= 64 {
		return
	}
	ad, err := rtnl.Attributes(b, unix.SizeofIfAddrmsg)
	if err != nil {
		return
	}
	for ad.Next() {
		if t := ad.Type(); t == unix.IFA_ADDRESS || t == unix.IFA_LOCAL {
			if addr := rtnl.Addr(ad.Bytes()); addr.Is6() {
				g.apart[upper(addr)] = true
			}
		}
	}
}
