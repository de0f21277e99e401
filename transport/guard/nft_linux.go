// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport"
)

// A batch is a transaction of nf_tables: messages that take effect together or
// not at all (nfnetlink_rcv_batch in net/netfilter/nfnetlink.c). Numbers in
// them are in network byte order.
type batch struct {
	messages []netlink.Message
	err      error
}

func (b *batch) add(kind, flags uint16, attributes func(ae *netlink.AttributeEncoder)) {
	// struct nfgenmsg of <linux/netfilter/nfnetlink.h>.
	header := []byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}
	if kind == unix.NFNL_MSG_BATCH_BEGIN || kind == unix.NFNL_MSG_BATCH_END {
		header = []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES}
	} else {
		kind |= unix.NFNL_SUBSYS_NFTABLES << 8
	}
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	if attributes != nil {
		attributes(ae)
	}
	data, err := ae.Encode()
	b.err = errors.Join(b.err, err)
	b.messages = append(b.messages, netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | netlink.HeaderFlags(flags)},
		Data:   append(header, data...),
	})
}

// commit sends the transaction and waits for what becomes of it. The last message before the
// end asks for an acknowledgement.
func (b *batch) commit(c *netlink.Conn) error {
	if b.err != nil {
		return b.err
	}
	b.messages[len(b.messages)-2].Header.Flags |= netlink.Acknowledge
	if _, err := c.SendMessages(b.messages); err != nil {
		return err
	}
	_, err := c.Receive() // an error before the acknowledgement
	return err
}

// expressions are a rule's, in their order.
type expressions struct{ list *netlink.AttributeEncoder }

func (e expressions) add(name string, data func(ae *netlink.AttributeEncoder)) {
	e.list.Nested(unix.NFTA_LIST_ELEM, func(ae *netlink.AttributeEncoder) error {
		ae.String(unix.NFTA_EXPR_NAME, name)
		ae.Nested(unix.NFTA_EXPR_DATA, func(ae *netlink.AttributeEncoder) error {
			data(ae)
			return nil
		})
		return nil
	})
}

func (e expressions) meta(key uint32) {
	e.add("meta", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_META_KEY, key)
		ae.Uint32(unix.NFTA_META_DREG, unix.NFT_REG_1)
	})
}

// header loads bytes of the network header.
func (e expressions) header(offset, n uint32) {
	e.add("payload", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_PAYLOAD_DREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_PAYLOAD_BASE, unix.NFT_PAYLOAD_NETWORK_HEADER)
		ae.Uint32(unix.NFTA_PAYLOAD_OFFSET, offset)
		ae.Uint32(unix.NFTA_PAYLOAD_LEN, n)
	})
}

// extension loads bytes of an IPv6 extension header; the rule does not hold for
// packets that have none.
func (e expressions) extension(kind uint8, offset, n uint32) {
	e.add("exthdr", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_EXTHDR_DREG, unix.NFT_REG_1)
		ae.Uint8(unix.NFTA_EXTHDR_TYPE, kind)
		ae.Uint32(unix.NFTA_EXTHDR_OFFSET, offset)
		ae.Uint32(unix.NFTA_EXTHDR_LEN, n)
	})
}

// destinationType loads what the destination is to this host, RTN_LOCAL and so
// on.
func (e expressions) destinationType() {
	e.add("fib", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_FIB_DREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_FIB_RESULT, unix.NFT_FIB_RESULT_ADDRTYPE)
		ae.Uint32(unix.NFTA_FIB_FLAGS, unix.NFTA_FIB_F_DADDR)
	})
}

func (e expressions) mask(mask ...byte) {
	e.add("bitwise", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_BITWISE_SREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_BITWISE_DREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_BITWISE_LEN, uint32(len(mask)))
		value(ae, unix.NFTA_BITWISE_MASK, mask)
		value(ae, unix.NFTA_BITWISE_XOR, make([]byte, len(mask)))
	})
}

// compare ends the rule unless what was loaded compares to b as op says.
func (e expressions) compare(op uint32, b ...byte) {
	e.add("cmp", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_CMP_SREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_CMP_OP, op)
		value(ae, unix.NFTA_CMP_DATA, b)
	})
}

func (e expressions) drop() {
	e.add("immediate", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT)
		ae.Nested(unix.NFTA_IMMEDIATE_DATA, func(ae *netlink.AttributeEncoder) error {
			ae.Nested(unix.NFTA_DATA_VERDICT, func(ae *netlink.AttributeEncoder) error {
				ae.Uint32(unix.NFTA_VERDICT_CODE, 0) // NF_DROP
				return nil
			})
			return nil
		})
	})
}

func value(ae *netlink.AttributeEncoder, kind uint16, b []byte) {
	ae.Nested(kind, func(ae *netlink.AttributeEncoder) error {
		ae.Bytes(unix.NFTA_DATA_VALUE, b)
		return nil
	})
}

// nftError says why there are no rules.
func nftError(protocol int, err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return &net.OpError{Op: "guard", Net: fmt.Sprintf("nf_tables:%d", protocol), Err: err}
	}
	err = os.NewSyscallError("nf_tables", errno)
	if errno == unix.EPERM || errno == unix.EACCES {
		return &transport.PermissionError{
			Op:         "guard: hide fragments",
			Capability: "CAP_NET_ADMIN",
			Hint:       "run as root, or give the program the capability: setcap cap_net_raw,cap_net_admin+ep PROGRAM",
			Err:        err,
		}
	}
	return &net.OpError{Op: "guard", Net: fmt.Sprintf("nf_tables:%d", protocol), Err: err}
}
