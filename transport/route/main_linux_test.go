// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route_test

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
	"protean/transport/route"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

// open returns a Kernel of a node that forgets nothing by time.
func open(t testing.TB, n *netlab.Node) *route.Kernel {
	t.Helper()
	k, err := route.Open(&route.Config{NetNS: n.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	k.SetFreshness(time.Hour)
	t.Cleanup(func() { k.Close() })
	return k
}

// change runs f with a netlink socket of a node.
func change(t testing.TB, n *netlab.Node, f func(c *rtnetlink.Conn) error) {
	t.Helper()
	err := n.Do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return f(c)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A kernelRoute is one to be added.
type kernelRoute struct {
	dst     string // a prefix
	kind    uint8  // RTN_UNICAST if 0
	via     string
	ifindex int
	src     string
	mtu     uint32
	table   uint8 // main if 0
}

func (r kernelRoute) message() *rtnetlink.RouteMessage {
	dst := netip.MustParsePrefix(r.dst)
	m := &rtnetlink.RouteMessage{
		Family: unix.AF_INET, DstLength: uint8(dst.Bits()), Table: unix.RT_TABLE_MAIN,
		Protocol: unix.RTPROT_STATIC, Scope: unix.RT_SCOPE_UNIVERSE, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{Dst: dst.Addr().AsSlice(), OutIface: uint32(r.ifindex)},
	}
	if dst.Addr().Is6() {
		m.Family = unix.AF_INET6
	}
	if r.kind != 0 {
		m.Type = r.kind
	}
	if r.table != 0 {
		m.Table = r.table
	}
	if r.via != "" {
		m.Attributes.Gateway = addr(r.via).AsSlice()
	} else if dst.Addr().Is4() && r.kind == 0 {
		m.Scope = unix.RT_SCOPE_LINK
	}
	if r.kind == unix.RTN_LOCAL {
		m.Scope = unix.RT_SCOPE_HOST
	}
	if r.src != "" {
		m.Attributes.Src = addr(r.src).AsSlice()
	}
	if r.mtu != 0 {
		m.Attributes.Metrics = &rtnetlink.RouteMetrics{MTU: r.mtu}
	}
	return m
}

func add(t testing.TB, n *netlab.Node, r kernelRoute) {
	t.Helper()
	change(t, n, func(c *rtnetlink.Conn) error { return c.Route.Replace(r.message()) })
}

func remove(t testing.TB, n *netlab.Node, r kernelRoute) {
	t.Helper()
	change(t, n, func(c *rtnetlink.Conn) error { return c.Route.Delete(r.message()) })
}

// until looks a destination up until the answer is as wanted.
func until(t testing.TB, f route.Finder, dst string, want route.Route, wantErr error) {
	t.Helper()
	var got route.Route
	var err error
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got, err = f.Lookup(addr(dst), 0); got == want && (err == nil) == (wantErr == nil) {
			return
		}
	}
	t.Errorf("%s: %+v, %v; want %+v, %v", dst, got, err, want, wantErr)
}
