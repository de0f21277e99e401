// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/rtnl"
	"protean/transport/netlab"
)

// TestAddressesThatTheFilterHasNoRoomFor: from some number on, the kernel has no memory
// for a socket's filter beside the one before, and from a larger one on, for neither.
// Packets come all the same, to addresses that are added then, too, and to no others.
func TestAddressesThatTheFilterHasNoRoomFor(t *testing.T) {
	for _, n := range []int{20, 100, 200, 300, 400} {
		lab := netlab.Test(t, netlab.Pair())
		a, b := lab.Node("a"), lab.Node("b")
		c, err := rtnl.Dial(b.NetNS())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		add := func(addr netip.Addr, index int) {
			t.Helper()
			h := []byte{rtnl.Family(addr), byte(addr.BitLen()), unix.IFA_F_NODAD, unix.RT_SCOPE_UNIVERSE}
			h = binary.NativeEndian.AppendUint32(h, uint32(index))
			_, err := rtnl.Execute(c, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_ACK, h, func(ae *netlink.AttributeEncoder) {
				ae.Bytes(unix.IFA_LOCAL, addr.AsSlice())
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range n {
			add(netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 14: byte(i >> 8), 15: byte(i)}), 1)
		}
		w := tap(t, a, b)
		tr := open(t, b, Config{Ring: V3}, 253)
		added, foreign := netip.MustParseAddr("10.77.1.99"), netip.MustParseAddr("10.77.1.98")
		add(added, b.Interfaces()[0].Index)
		settle(t, tr)
		w.write(w.peer, typeIPv4, packet(a.Addr4(), foreign, []byte("to another host")))
		w.write(w.peer, typeIPv4, packet(a.Addr4(), b.Addr4(), []byte("to an old address")))
		w.write(w.peer, typeIPv4, packet(a.Addr4(), added, []byte("to a new address")))
		got := receive(t, tr, 2)
		if len(got) != 2 || got[0].Dst() != b.Addr4() || got[1].Dst() != added || got[1].Type() != transport.PacketHost {
			t.Errorf("%d addresses: %d packets, to %v and %v", n, len(got), got[0].Dst(), got[1].Dst())
		}
	}
}
