// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport/filter"
	"protean/transport/netlab"
)

// Frames to other hosts, of other VLANs and of one's own are told apart by what
// the kernel knows beside them.
func TestWhatTheKernelKnowsBesideTheFrame(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	from, to := a.Interfaces()[0], b.Interfaces()[0]
	send := func(n *netlab.Node, ifindex int, dst string, tags ...wire.VLANTag) func(name, ip string) {
		tx := packetSocket(t, n, unix.SOCK_RAW)
		mac := wire.MAC(value(net.ParseMAC(dst))(t))
		h := wire.EthernetFields{Dst: mac, Src: wire.MAC{2, 9, 9, 9, 9, 9}, Tags: tags, EtherType: wire.EtherTypeIPv4}
		return func(name, ip string) {
			f := make([]byte, h.Len())
			if err := h.Marshal(f); err != nil {
				t.Fatal(err)
			}
			f = append(f, packet4(a.Addr4(), netip.MustParseAddr(ip), 253, 0, "12345678<"+name+">")...)
			if err := unix.Sendto(tx, f, 0, &unix.SockaddrLinklayer{Ifindex: ifindex, Protocol: htons(unix.ETH_P_IP)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	own, other := to.HardwareAddr.String(), "02:88:88:88:88:88"
	tag := func(id uint16) wire.VLANTag { return wire.VLANTag{VID: id} }
	for _, c := range []struct {
		name      string
		etherType int
		spec      filter.Spec
		want      []string
	}{
		{"ETH_P_IP", unix.ETH_P_IP, filter.Spec{}, []string{"<host>"}},
		// The tag of a VLAN that nobody here has is erased, and the frame another host's.
		{"ETH_P_IP, other hosts", unix.ETH_P_IP, filter.Spec{OtherHost: true}, []string{"<other>", "<vlan 5>", "<vlan 6>", "<host>"}},
		{"ETH_P_IP, some of other hosts'", unix.ETH_P_IP, filter.Spec{OtherHostDst: prefixes("10.77.1.200/32")}, []string{"<other>", "<host>"}},
		{"ETH_P_ALL", unix.ETH_P_ALL, filter.Spec{}, []string{"<vlan 5>", "<vlan 6>", "<host>"}},
		{"ETH_P_ALL, VLAN 5 and none", unix.ETH_P_ALL, filter.Spec{VLANs: []uint16{5, 0}}, []string{"<vlan 5>", "<host>"}},
		{"ETH_P_ALL, VLAN 6", unix.ETH_P_ALL, filter.Spec{VLANs: []uint16{6}}, []string{"<vlan 6>"}},
		{"ETH_P_ALL, two tags", unix.ETH_P_ALL, filter.Spec{Tags: 1}, []string{"<vlan 5>", "<two tags>", "<vlan 6>", "<host>"}},
		{"ETH_P_ALL, outgoing", unix.ETH_P_ALL, filter.Spec{Outgoing: true}, []string{"<outgoing>", "<vlan 5>", "<vlan 6>", "<host>"}},
	} {
		c.spec.Protocols = []uint8{253}
		for name, kind := range map[string]int{"SOCK_RAW": unix.SOCK_RAW, "SOCK_DGRAM": unix.SOCK_DGRAM} {
			fd := listen(t, b, to.Index, kind, c.etherType, c.spec.Program())
			send(b, to.Index, from.HardwareAddr.String())("outgoing", "10.77.1.201")
			send(a, from.Index, other)("other", "10.77.1.200")
			send(a, from.Index, own, tag(5))("vlan 5", "10.77.1.201")
			send(a, from.Index, own, tag(5), tag(7))("two tags", "10.77.1.201")
			send(a, from.Index, own, tag(6))("vlan 6", "10.77.1.201")
			last := "<host>"
			if len(c.spec.VLANs) == 1 {
				last = "<vlan 6>"
			} else {
				send(a, from.Index, own)("host", "10.77.1.201")
			}
			if got := append(receive(t, fd, last), last); !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: got %q, want %q", c.name, name, got, c.want)
			}
		}
	}
}
