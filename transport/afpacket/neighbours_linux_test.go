// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport/internal/rtnl"
	"protean/transport/netlab"
)

// change has a node's kernel do what a message of rtnetlink(7) says.
func change(t testing.TB, n *netlab.Node, kind, flags uint16, header []byte, encode func(*netlink.AttributeEncoder)) {
	t.Helper()
	c, err := rtnl.Dial(n.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := rtnl.Execute(c, kind, unix.NLM_F_ACK|flags, header, encode); err != nil {
		t.Fatal(err)
	}
}

// setNeighbour gives eth0 of a node a neighbour that is not asked for.
func setNeighbour(t testing.TB, n *netlab.Node, addr netip.Addr, mac wire.MAC) {
	t.Helper()
	change(t, n, unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, neighbourHeader(n, addr), func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.NDA_DST, addr.AsSlice())
		ae.Bytes(unix.NDA_LLADDR, mac[:])
	})
}

func removeNeighbour(t testing.TB, n *netlab.Node, addr netip.Addr) {
	t.Helper()
	change(t, n, unix.RTM_DELNEIGH, 0, neighbourHeader(n, addr), func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.NDA_DST, addr.AsSlice())
	})
}

// neighbourHeader returns struct ndmsg.
func neighbourHeader(n *netlab.Node, addr netip.Addr) []byte {
	b := make([]byte, unix.SizeofNdMsg)
	b[0] = rtnl.Family(addr)
	binary.NativeEndian.PutUint32(b[4:], uint32(n.Interfaces()[0].Index))
	binary.NativeEndian.PutUint16(b[8:], unix.NUD_PERMANENT)
	return b
}

func macOf(n *netlab.Node) wire.MAC { return wire.MAC(n.Interfaces()[0].HardwareAddr) }

// setQueue gives eth0 of a node a queue for so many packets (tc-pfifo(8)): with 0
// nothing gets through, and who sends is told ENOBUFS.
func setQueue(t testing.TB, n *netlab.Node, packets uint32) {
	t.Helper()
	header := make([]byte, 20) // struct tcmsg
	binary.NativeEndian.PutUint32(header[4:], uint32(n.Interfaces()[0].Index))
	binary.NativeEndian.PutUint32(header[8:], 1<<16)        // 1:
	binary.NativeEndian.PutUint32(header[12:], 0xffff_ffff) // TC_H_ROOT
	change(t, n, unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, header, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.TCA_KIND, "pfifo")
		ae.Bytes(unix.TCA_OPTIONS, binary.NativeEndian.AppendUint32(nil, packets))
	})
}
