// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/netns"
	"protean/transport/internal/rtnl"
	"protean/transport/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// interfaces opens a socket to ask for those of a namespace.
func interfaces(t testing.TB, ns *netns.Handle) *Interfaces {
	t.Helper()
	s := new(Interfaces)
	t.Cleanup(s.Close)
	if err := s.Open(ns); err != nil {
		t.Fatal(err)
	}
	return s
}

// byNet is Interfaces.List as package net sees them.
func byNet(ns *netns.Handle, only int) ([]transport.Interface, error) {
	var all []transport.Interface
	err := ns.Do(func() error {
		list, err := net.Interfaces()
		for i := range list {
			f := &list[i]
			if only != 0 && only != f.Index {
				continue
			}
			d := transport.Interface{
				Index: f.Index, Name: f.Name, MTU: f.MTU, HardwareAddr: f.HardwareAddr,
				Up:           f.Flags&net.FlagUp != 0,
				Broadcast:    f.Flags&net.FlagBroadcast != 0,
				Multicast:    f.Flags&net.FlagMulticast != 0,
				Loopback:     f.Flags&net.FlagLoopback != 0,
				PointToPoint: f.Flags&net.FlagPointToPoint != 0,
			}
			addrs, err := f.Addrs()
			if err != nil {
				return err
			}
			for _, a := range addrs {
				p := a.(*net.IPNet)
				ip, _ := netip.AddrFromSlice(p.IP)
				ones, _ := p.Mask.Size()
				d.Prefixes = append(d.Prefixes, netip.PrefixFrom(ip.Unmap(), ones))
			}
			all = append(all, d)
		}
		return err
	})
	return all, err
}

// agree checks that both ways to list interfaces have the same result, and returns it.
func agree(t *testing.T, ns *netns.Handle, only int) []transport.Interface {
	t.Helper()
	list := interfaces(t, ns)
	for try := 0; ; try++ {
		got, err := list.List(only)
		want, werr := byNet(ns, only)
		if err == nil && werr == nil && reflect.DeepEqual(got, want) {
			return got
		}
		if try == 50 { // the kernel, or somebody, may change it at the same time
			t.Fatalf("%+v, %v\npackage net: %+v, %v", got, err, want, werr)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func handle(t testing.TB, path string) *netns.Handle {
	t.Helper()
	ns, err := netns.At(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// ask sends a request in a namespace.
func ask(path string, kind, flags uint16, header []byte, attributes func(*netlink.AttributeEncoder)) error {
	c, err := rtnl.Dial(path)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = rtnl.Execute(c, kind, flags|unix.NLM_F_ACK, header, attributes)
	return err
}

// addAddr adds an address, with a peer unless that is the zero Addr.
func addAddr(t testing.TB, path string, index int, p netip.Prefix, peer netip.Addr) {
	t.Helper()
	h := []byte{rtnl.Family(p.Addr()), byte(p.Bits()), unix.IFA_F_NODAD, unix.RT_SCOPE_UNIVERSE}
	h = binary.NativeEndian.AppendUint32(h, uint32(index))
	err := ask(path, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, h, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.IFA_LOCAL, p.Addr().AsSlice())
		if !peer.IsValid() {
			peer = p.Addr()
		}
		ae.Bytes(unix.IFA_ADDRESS, peer.AsSlice())
	})
	if err != nil {
		t.Fatalf("%v on %d: %v", p, index, err)
	}
}

func TestInterfacesAreThoseOfPackageNet(t *testing.T) {
	ns := handle(t, "")
	if list := agree(t, ns, 0); len(list) > 0 {
		agree(t, ns, list[0].Index)
	}
}

func TestInterfacesOfANamespace(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	r := lab.Node("r1")
	ns := handle(t, r.NetNS())
	eth0, eth1 := r.Interfaces()[0], r.Interfaces()[1]
	_, tun := netlab.TestTUN(t, r, "tun0", 1400)
	for _, c := range []struct {
		index      int
		addr, peer string
	}{
		{eth0.Index, "10.77.1.102/24", ""}, // a secondary one
		{eth0.Index, "192.0.2.1/31", ""},
		{eth0.Index, "10.9.0.1/32", "10.9.0.2"},
		{eth0.Index, "fd77:1::102/64", ""},
		{eth1.Index, "fd09::1/128", "fd09::2"},
		{tun, "10.10.0.1/24", "10.10.9.1"}, // the prefix is the peer's
		{tun, "fe80::77/64", ""},
		{1, "203.0.113.1/32", ""},
		{1, "2001:db8::1/128", ""},
	} {
		p, peer := netip.MustParsePrefix(c.addr), netip.Addr{}
		if c.peer != "" {
			peer = netip.MustParseAddr(c.peer)
		}
		if p.Addr().Is6() && !r.Addr6().IsValid() {
			continue
		}
		addAddr(t, r.NetNS(), c.index, p, peer)
		list := agree(t, ns, 0)
		i := slices.IndexFunc(list, func(f transport.Interface) bool { return f.Index == c.index })
		if i < 0 || !slices.Contains(list[i].Prefixes, p) {
			t.Errorf("%v on %d is not listed: %+v", p, c.index, list)
		}
	}
	if err := r.SetLink("eth1", false); err != nil {
		t.Fatal(err)
	}
	for _, f := range agree(t, ns, 0) {
		if one := agree(t, ns, f.Index); len(one) != 1 {
			t.Errorf("%s alone: %+v", f.Name, one)
		}
	}
	if none := agree(t, ns, 99999); len(none) != 0 {
		t.Errorf("no such interface: %+v", none)
	}
}

func TestInterfacesByName(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	eth0 := a.Interfaces()[0]
	s := interfaces(t, handle(t, a.NetNS()))
	for name, want := range map[string]int{
		"lo": 1, eth0.Name: eth0.Index, "": 0, "nowhere": 0, "lo\x00": 0, strings.Repeat("x", 15): 0, strings.Repeat("x", 16): 0,
	} {
		n, err := s.Index(name)
		if n != want || (err == nil) != (want != 0) || err != nil && !errors.Is(err, unix.ENODEV) {
			t.Errorf("%q: %d, %v; want %d", name, n, err, want)
		}
	}
	if n, err := s.Zone("77"); n != 77 || err != nil {
		t.Errorf("zone 77: %d, %v", n, err)
	}
	s.Close()
	if _, err := s.Index("lo"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := s.List(0); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestNoHardwareAddresses(t *testing.T) {
	v4, v6 := []byte{192, 0, 2, 1}, slices.Repeat([]byte{1}, 16)
	for _, c := range []struct {
		kind uint16
		b    []byte
		none bool
	}{
		{unix.ARPHRD_ETHER, []byte{2, 0, 0, 0, 0, 1}, false},
		{unix.ARPHRD_ETHER, make([]byte, 6), true},
		{unix.ARPHRD_NONE, nil, true},
		{unix.ARPHRD_TUNNEL, v4, true},
		{unix.ARPHRD_SIT, v4, true},
		{unix.ARPHRD_IPGRE, v4, true},
		{unix.ARPHRD_TUNNEL6, v6, true},
		{unix.ARPHRD_IP6GRE, v6, true},
		{unix.ARPHRD_TUNNEL, v6, false},
		{unix.ARPHRD_ETHER, v4, false},
	} {
		if a := hardwareAddr(c.kind, c.b); (a == nil) != c.none {
			t.Errorf("kind %d, % x: %v", c.kind, c.b, a)
		}
	}
}

// TestWhatChangesMeanwhileIsListedAgain, but not for ever, and it is no error: opening
// a transport would fail on busy hosts.
func TestWhatChangesMeanwhileIsListedAgain(t *testing.T) {
	changed := os.NewSyscallError("rtnetlink", unix.EINTR)
	for _, c := range []struct {
		errs   []error // of each time
		listed int
		err    error
	}{
		{[]error{nil}, 1, nil},
		{[]error{changed, nil}, 2, nil},
		{[]error{changed, unix.ENOMEM}, 2, unix.ENOMEM},
		{slices.Repeat([]error{changed}, listTries+1), listTries, nil},
	} {
		n := 0
		all, err := steady(func() ([]transport.Interface, error) {
			n++
			return []transport.Interface{{Index: n}}, c.errs[n-1]
		})
		if n != c.listed || err != c.err || len(all) != 1 || all[0].Index != n {
			t.Errorf("%v: listed %d times, %+v, %v", c.errs, n, all, err)
		}
	}
}

func TestTheMonitorTellsOfEachChangeOnce(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	eth0 := a.Interfaces()[0].Index
	ns := handle(t, a.NetNS())
	var m LinkMonitor
	defer m.Close()
	if err := m.Open(ns, interfaces(t, ns), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := byNet(ns, 0); err != nil || !reflect.DeepEqual(m.Interfaces(), got) {
		t.Errorf("opened with %+v; %+v, %v", m.Interfaces(), got, err)
	}
	var told []int
	changes := func() []int {
		told = nil
		m.Changes(func(f *transport.Interface) { told = append(told, f.Index) })
		return told
	}
	if got := changes(); got != nil {
		t.Errorf("told of %v before anything has changed", got)
	}
	added := netip.MustParsePrefix("192.0.2.1/24")
	addAddr(t, a.NetNS(), eth0, added, netip.Addr{})
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(m.FD()), Events: unix.POLLIN}}, 20000); n != 1 {
		t.Fatalf("an address is not announced: %v", err)
	}
	for range 2 { // what was seen is told, however often it is looked
		if !m.Look() {
			t.Error("cannot look")
		}
	}
	m.Tell(func(f *transport.Interface) { told = append(told, f.Index) })
	if !slices.Equal(told, []int{eth0}) || !slices.Contains(find(m.Interfaces(), eth0).Prefixes, added) {
		t.Errorf("told of %v; %+v", told, m.Interfaces())
	}
	if got := changes(); got != nil {
		t.Errorf("told of %v again", got)
	}
	if err := a.Replug("eth0"); err != nil {
		t.Fatal(err)
	}
	var removed []bool
	m.Changes(func(f *transport.Interface) { removed = append(removed, f.Removed) })
	if !slices.Equal(removed, []bool{true, false}) {
		t.Errorf("removed %v, when an interface was gone and is back", removed)
	}
	changes() // IPv6 gives it a link-local address later
	h := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(h[ifiIndex:], uint32(eth0))
	if err := ask(a.NetNS(), unix.RTM_DELLINK, 0, h, nil); err != nil {
		t.Fatal(err)
	}
	if got := changes(); !slices.Equal(got, []int{eth0}) {
		t.Errorf("told of %v after an interface was deleted", got)
	}
}

// TestAPortThatLeavesABridgeIsNotDeleted, although that is announced by the same message.
func TestAPortThatLeavesABridgeIsNotDeleted(t *testing.T) {
	for _, c := range []struct {
		kind   uint16
		family byte
		want   int
	}{{unix.RTM_DELLINK, unix.AF_UNSPEC, 7}, {unix.RTM_DELLINK, unix.AF_BRIDGE, 0}, {unix.RTM_NEWLINK, unix.AF_UNSPEC, 0}, {unix.RTM_DELADDR, unix.AF_UNSPEC, 0}} {
		b := make([]byte, unix.NLMSG_HDRLEN+unix.SizeofIfInfomsg)
		binary.NativeEndian.PutUint16(b[4:], c.kind)
		b[unix.NLMSG_HDRLEN] = c.family
		binary.NativeEndian.PutUint32(b[unix.NLMSG_HDRLEN+ifiIndex:], 7)
		if got := deleted(b); got != c.want {
			t.Errorf("message %d of family %d: %d, want %d", c.kind, c.family, got, c.want)
		}
	}
}

// BenchmarkInterfaces also has package net list them. Each interface has an IPv4
// address.
func BenchmarkInterfaces(b *testing.B) {
	for _, n := range []int{20, 300, 600} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			lab := netlab.Test(b, netlab.Pair())
			path := lab.Node("a").NetNS()
			ns := handle(b, path)
			for range n / 2 {
				err := ask(path, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, make([]byte, unix.SizeofIfInfomsg), func(ae *netlink.AttributeEncoder) {
					ae.Nested(unix.IFLA_LINKINFO, func(ae *netlink.AttributeEncoder) error {
						ae.String(unix.IFLA_INFO_KIND, "veth")
						return nil
					})
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			ours := interfaces(b, ns)
			list, err := ours.List(0)
			if err != nil || len(list) < n {
				b.Fatalf("%d interfaces, %v", len(list), err)
			}
			for i := range list {
				addAddr(b, path, list[i].Index, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 24), netip.Addr{})
			}
			for _, c := range []struct {
				name string
				list func() ([]transport.Interface, error)
			}{
				{"ours", func() ([]transport.Interface, error) { return ours.List(0) }},
				{"net", func() ([]transport.Interface, error) { return byNet(ns, 0) }},
			} {
				b.Run(c.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, err := c.list(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			b.Run("monitor", func(b *testing.B) {
				var m LinkMonitor
				defer m.Close()
				if err := m.Open(ns, ours, 0); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					m.Changes(func(*transport.Interface) { b.Error("a change") })
				}
			})
		})
	}
}
