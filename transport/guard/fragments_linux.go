// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// hideFragments has the kernel of the calling thread's namespace drop fragments
// of a protocol to its own addresses before it would collect them, until the
// result is closed.
//
// The rules are in a table that belongs to the netlink socket that made it
// (NFT_TABLE_F_OWNER): the kernel takes it away with the socket, and does not
// let others change it.
func hideFragments(protocol int, families Families) (io.Closer, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, nftError(protocol, err)
	}
	if err := fragmentRules(c.PID(), protocol, families).commit(c); err != nil {
		c.Close()
		return nil, nftError(protocol, err)
	}
	return c, nil
}

const (
	tableOwner = 2 // NFT_TABLE_F_OWNER, which golang.org/x/sys does not have

	// Connection tracking reassembles at -400, NF_IP_PRI_CONNTRACK_DEFRAG of
	// <linux/netfilter_ipv4.h>.
	beforeReassembly = -450
)

// fragmentRules are the rules, in a table that is named by the socket's number,
// which nobody else in the namespace has.
func fragmentRules(port uint32, protocol int, families Families) *batch {
	table, chain := fmt.Sprintf("protean-guard-%d", port), "fragments"
	const create = unix.NLM_F_CREATE | unix.NLM_F_EXCL
	b := &batch{}
	b.add(unix.NFNL_MSG_BATCH_BEGIN, 0, nil)
	b.add(unix.NFT_MSG_NEWTABLE, create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_TABLE_NAME, table)
		ae.Uint32(unix.NFTA_TABLE_FLAGS, tableOwner)
	})
	b.add(unix.NFT_MSG_NEWCHAIN, create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_CHAIN_TABLE, table)
		ae.String(unix.NFTA_CHAIN_NAME, chain)
		ae.String(unix.NFTA_CHAIN_TYPE, "filter")
		ae.Nested(unix.NFTA_CHAIN_HOOK, func(ae *netlink.AttributeEncoder) error {
			ae.Uint32(unix.NFTA_HOOK_HOOKNUM, unix.NF_INET_PRE_ROUTING)
			ae.Int32(unix.NFTA_HOOK_PRIORITY, beforeReassembly)
			return nil
		})
	})
	for _, r := range []struct {
		family Families
		match  func(e expressions, protocol uint8)
	}{{V4, fragment4}, {V6, fragment6}} {
		if families&r.family == 0 {
			continue
		}
		b.add(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_RULE_TABLE, table)
			ae.String(unix.NFTA_RULE_CHAIN, chain)
			ae.Nested(unix.NFTA_RULE_EXPRESSIONS, func(ae *netlink.AttributeEncoder) error {
				e := expressions{ae}
				r.match(e, uint8(protocol))
				// What a router forwards is not this host's to drop.
				e.destinationType()
				e.compare(unix.NFT_CMP_EQ, binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)...)
				e.drop()
				return nil
			})
		})
	}
	b.add(unix.NFNL_MSG_BATCH_END, 0, nil)
	return b
}

// fragment4 matches IPv4 fragments: MF is set, or there is an offset (RFC 791,
// section 3.1).
func fragment4(e expressions, protocol uint8) {
	e.meta(unix.NFT_META_NFPROTO)
	e.compare(unix.NFT_CMP_EQ, unix.NFPROTO_IPV4)
	e.header(9, 1)
	e.compare(unix.NFT_CMP_EQ, protocol)
	e.header(6, 2)
	e.mask(0x3f, 0xff)
	e.compare(unix.NFT_CMP_NEQ, 0, 0)
}

// fragment6 matches IPv6 fragments (RFC 8200, section 4.5), and not the atomic
// ones of RFC 6946, which are whole.
func fragment6(e expressions, protocol uint8) {
	e.meta(unix.NFT_META_NFPROTO)
	e.compare(unix.NFT_CMP_EQ, unix.NFPROTO_IPV6)
	e.extension(unix.IPPROTO_FRAGMENT, 0, 1)
	e.compare(unix.NFT_CMP_EQ, protocol)
	e.extension(unix.IPPROTO_FRAGMENT, 2, 2)
	e.mask(0xff, 0xf9)
	e.compare(unix.NFT_CMP_NEQ, 0, 0)
}
