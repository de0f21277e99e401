// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/multi"
	"protean/transport/netlab"
	"protean/transport/rawip"
)

// byDefault has what a node reaches by a gateway in a segment go there by default
// routes.
func byDefault(t *testing.T, n *netlab.Node, ifindex int, segment netlab.Interface, via ...netip.Addr) {
	t.Helper()
	err := n.Do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		for i, dst := range []netip.Prefix{segment.Addr4.Masked(), segment.Addr6.Masked()} {
			m := rtnetlink.RouteMessage{
				Family: []uint8{unix.AF_INET, unix.AF_INET6}[i], Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNICAST,
				Attributes: rtnetlink.RouteAttributes{Gateway: via[i].AsSlice(), OutIface: uint32(ifindex)},
			}
			if err := c.Route.Add(&m); err != nil {
				return err
			}
			m.DstLength, m.Attributes.Dst = uint8(dst.Bits()), dst.Addr().AsSlice()
			if err := c.Route.Delete(&m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is on nobody's link goes out by the member that has the default route, which
// is not the first one.
func TestTheMemberWithTheDefaultRoute(t *testing.T) {
	lab := netlab.Test(t, netlab.Topology{
		Nodes: []netlab.NodeSpec{{Name: "m"}, {Name: "a"}, {Name: "r", Role: netlab.Router}, {Name: "far"}},
		Links: []netlab.LinkSpec{{A: "m", B: "a"}, {A: "m", B: "r"}, {A: "r", B: "far"}},
	})
	m, far := lab.Node("m"), lab.Node("far")
	out, gateway := m.Interfaces()[1], lab.Node("r").Interfaces()[0]
	byDefault(t, m, out.Index, far.Interfaces()[0], gateway.Addr4.Addr(), gateway.Addr6.Addr())
	var members []transport.Transport
	for _, name := range []string{"eth0", "eth1"} {
		members = append(members, must[*afpacket.Transport](t)(afpacket.Open(&afpacket.Config{NetNS: m.NetNS(), Interface: name})))
	}
	joined := must[*multi.Transport](t)(multi.New(members...))
	h := over(t, joined)
	echoes(t, over(t, must[*rawip.Transport](t)(rawip.Open(&rawip.Config{NetNS: far.NetNS()}))))
	router, _ := transport.As[transport.Router](joined)
	for dst, next := range map[netip.Addr]netip.Addr{far.Addr4(): gateway.Addr4.Addr(), far.Addr6(): gateway.Addr6.Addr()} {
		if r, err := router.Route(dst, 0); err != nil || r.IfIndex != out.Index || r.NextHop != next {
			t.Errorf("%v: %+v, %v; want by %v on interface %d", dst, r, err, next, out.Index)
		}
		if r, err := router.Route(dst, m.Interfaces()[0].Index); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("%v by the other interface: %+v, %v", dst, r, err)
		}
		asks(t, h, dst)
	}
}
