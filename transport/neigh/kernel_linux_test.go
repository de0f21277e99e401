// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh_test

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport/neigh"
	"protean/transport/netlab"
	"protean/transport/route"
)

func mac(hw net.HardwareAddr) neigh.LinkAddr { return neigh.LinkAddrFromMAC(wire.MAC(hw)) }

func both(n *netlab.Node) []netip.Addr { return []netip.Addr{n.Addr4(), n.Addr6()} }

// A neighbour that the kernel does not know is resolved, and one that it knows
// is known at once.
func TestUnknownNeighboursAreResolved(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	via, want := a.Interfaces()[0].Index, mac(b.Interfaces()[0].HardwareAddr)
	k := open(t, a)
	for _, hop := range append(both(b), b.Interfaces()[0].LinkLocal) {
		if s := state(t, a, hop); s != 0 {
			forget(t, a, hop, via)
		}
		if got, err := k.Lookup(hop, via); err != neigh.ErrPending {
			t.Errorf("%v, unknown to the kernel: %v, %v", hop, got, err)
		}
		if got, err := k.resolved(t, hop, via); err != nil || got != want {
			t.Errorf("%v: %v, %v; want %v", hop, got, err, want)
		}
		if got, err := k.Lookup(hop.WithZone("eth0"), via); hop.Is6() && (err != nil || got != want) {
			t.Errorf("%v with a zone: %v, %v", hop, got, err)
		}
		other := open(t, a)
		if got, err := other.Lookup(hop, via); err != nil || got != want {
			t.Errorf("%v, known to the kernel: %v, %v", hop, got, err)
		}
		// And again when it is forgotten.
		forget(t, a, hop, via)
		for deadline := time.Now().Add(5 * time.Second); ; {
			if _, err := k.Lookup(hop, via); err == neigh.ErrPending {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("%v is gone from the kernel's table: %v", hop, err)
			}
		}
		if got, err := k.resolved(t, hop, via); err != nil || got != want {
			t.Errorf("%v, resolved again: %v, %v; want %v", hop, got, err, want)
		}
	}
}

// A host that is not there is an error after three attempts of the kernel's, a
// second apart, and within four seconds.
func TestADeadNeighbourIsAnError(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	via := a.Interfaces()[0].Index
	k := open(t, a)
	start := time.Now()
	dead := []netip.Addr{addr("10.77.1.99"), addr("fd77:1::99")}
	for _, hop := range dead {
		if _, err := k.Lookup(hop, via); err != neigh.ErrPending {
			t.Errorf("%v: %v", hop, err)
		}
	}
	for _, hop := range dead {
		var e *neigh.Error
		_, err := k.resolved(t, hop, via)
		if !errors.As(err, &e) || !errors.Is(err, syscall.EHOSTUNREACH) || e.Hop != hop || e.IfIndex != via {
			t.Errorf("%v: %v", hop, err)
		}
		if _, again := k.Lookup(hop, via); again != err {
			t.Errorf("%v, at once again: %v", hop, again)
		}
	}
	t.Logf("told after %v", time.Since(start))
}

func TestAChangedAddressIsFollowed(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	via := a.Interfaces()[0].Index
	k := open(t, a)
	for _, hop := range both(b) {
		if got, err := k.resolved(t, hop, via); err != nil || got != mac(b.Interfaces()[0].HardwareAddr) {
			t.Fatalf("%v: %v, %v", hop, got, err)
		}
	}
	// The new address is announced (RFC 5227, RFC 4861 section 7.2.6).
	for _, name := range []string{"net/ipv4/conf/eth0/arp_notify", "net/ipv6/conf/eth0/ndisc_notify"} {
		if err := b.Sysctl(name, "1"); err != nil {
			t.Fatal(err)
		}
	}
	hw := net.HardwareAddr{2, 0, 1, 2, 3, 4}
	change(t, b, func(c *rtnetlink.Conn) error {
		return c.Link.Set(&rtnetlink.LinkMessage{Index: uint32(b.Interfaces()[0].Index), Attributes: &rtnetlink.LinkAttributes{Address: hw}})
	})
	for _, hop := range both(b) {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			got, err := k.resolved(t, hop, via)
			if err == nil && got == mac(hw) {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("%v: %v, %v; want %v", hop, got, err, hw)
			}
		}
	}
}

func TestAnotherGatewayIsAnotherAddress(t *testing.T) {
	lab := netlab.Test(t, netlab.Star(3))
	h1, h2, h3 := lab.Node("h1"), lab.Node("h2"), lab.Node("h3")
	via := h1.Interfaces()[0].Index
	routes, err := route.Open(&route.Config{NetNS: h1.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	defer routes.Close()
	k := open(t, h1)
	for _, gateway := range []*netlab.Node{h2, h3} {
		change(t, h1, func(c *rtnetlink.Conn) error {
			return c.Route.Replace(&rtnetlink.RouteMessage{
				Family: unix.AF_INET, DstLength: 16, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNICAST,
				Attributes: rtnetlink.RouteAttributes{Dst: net.IP{10, 9, 0, 0}, Gateway: gateway.Addr4().AsSlice(), OutIface: uint32(via)},
			})
		})
		for {
			r, err := routes.Lookup(addr("10.9.1.1"), 0)
			if err == nil && r.NextHop == gateway.Addr4() {
				a, err := k.resolved(t, r.NextHop, r.IfIndex)
				if want := mac(gateway.Interfaces()[0].HardwareAddr); err != nil || a != want {
					t.Errorf("through %v: %v, %v; want %v", gateway.Addr4(), a, err, want)
				}
				break
			}
			runtime.Gosched()
		}
	}
	r, err := routes.Lookup(addr("10.77.1.255"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := neigh.Resolve(k, &r); err != nil || a.String() != "ff:ff:ff:ff:ff:ff" {
		t.Errorf("all hosts on the link: %v, %v", a, err)
	}
}

func TestLinksWithoutNeighbours(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	k := open(t, a)
	for _, c := range []struct {
		name    string
		hop     string
		ifindex int
		want    string
	}{
		{"loopback", "127.0.0.1", 1, "00:00:00:00:00:00"},
		{"loopback", "10.77.1.1", 1, "00:00:00:00:00:00"},
		{"loopback", "::1", 1, "00:00:00:00:00:00"},
		{"a group", "224.0.0.5", a.Interfaces()[0].Index, "01:00:5e:00:00:05"},
		{"a group", "239.129.2.3", a.Interfaces()[0].Index, "01:00:5e:01:02:03"},
		{"a group", "ff02::1:ff00:1234", a.Interfaces()[0].Index, "33:33:ff:00:12:34"},
		{"all hosts", "255.255.255.255", a.Interfaces()[0].Index, "ff:ff:ff:ff:ff:ff"},
	} {
		for range 2 {
			if got, err := k.Lookup(addr(c.hop), c.ifindex); err != nil || got.String() != c.want {
				t.Errorf("%s, %s: %q, %v; want %q", c.name, c.hop, got, err, c.want)
			}
		}
	}
	t.Run("TUN", func(t *testing.T) {
		_, tun := netlab.TestTUN(t, a, "tun0", 1500)
		for _, hop := range []string{"192.0.2.1", "2001:db8::1", "224.0.0.5"} {
			if got, err := k.Lookup(addr(hop), tun); err != nil || got.Len() != 0 {
				t.Errorf("%s: %v, %v", hop, got, err)
			}
		}
	})
	if _, err := k.Lookup(addr("10.77.1.2"), 9999); !errors.Is(err, unix.ENODEV) {
		t.Errorf("no such interface: %v", err)
	}
	if err := a.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	if _, err := k.resolved(t, addr("10.77.1.3"), a.Interfaces()[0].Index); !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("an interface that is down: %v", err)
	}
	k.Close()
	if _, err := k.Lookup(addr("10.77.1.2"), 1); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// Traffic through packet sockets is not seen by the kernel: it is told.
func TestAStaleNeighbourIsChecked(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	via, hw := a.Interfaces()[0].Index, b.Interfaces()[0].HardwareAddr
	for _, hop := range both(b) {
		stale := func() {
			m := message(hop, via)
			m.State, m.Attributes.LLAddress = unix.NUD_STALE, hw
			change(t, a, func(c *rtnetlink.Conn) error { return c.Neigh.New(m) })
		}
		stale()
		known := open(t, a)
		if got, err := known.Lookup(hop, via); err != nil || got != mac(hw) {
			t.Errorf("%v: %v, %v", hop, got, err)
		}
		if s := state(t, a, hop); s&(unix.NUD_DELAY|unix.NUD_PROBE|unix.NUD_REACHABLE) == 0 {
			t.Errorf("%v, stale and looked up first: the kernel's state is %#x", hop, s)
		}
		forget(t, a, hop, via)
		stale()
		// The announcement comes some time; then one Lookup is enough.
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			if got, err := known.Lookup(hop, via); err == nil && got != mac(hw) {
				t.Fatalf("%v: %v", hop, got)
			}
			if s := state(t, a, hop); s&(unix.NUD_DELAY|unix.NUD_PROBE|unix.NUD_REACHABLE) != 0 {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("%v, gone stale: the kernel's state is %#x", hop, s)
			}
		}
	}
}

// Without CAP_NET_ADMIN the kernel is made to resolve as any program makes it.
func TestResolvingWithoutPrivileges(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	via, want := a.Interfaces()[0].Index, mac(b.Interfaces()[0].HardwareAddr)
	k := open(t, a)
	for _, hop := range both(b) {
		first := make(chan error)
		go func() {
			runtime.LockOSThread() // and end the thread: it has lost a capability
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var data [2]unix.CapUserData
			if err := unix.Capget(&header, &data[0]); err != nil {
				first <- err
				return
			}
			data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
			data[0].Permitted &^= 1 << unix.CAP_NET_ADMIN
			if err := unix.Capset(&header, &data[0]); err != nil {
				first <- err
				return
			}
			_, err := k.Lookup(hop, via)
			first <- err
		}()
		if err := <-first; err != neigh.ErrPending {
			t.Errorf("%v: %v", hop, err)
		}
		if got, err := k.resolved(t, hop, via); err != nil || got != want {
			t.Errorf("%v: %v, %v; want %v", hop, got, err, want)
		}
	}
}

func TestLookingUpAgainAllocatesNothing(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	via := a.Interfaces()[0].Index
	k := open(t, a)
	k.resolved(t, b.Addr4(), via)
	k.Lookup(addr("10.77.1.98"), via)
	k.Lookup(addr("224.0.0.5"), via)
	for _, hop := range []netip.Addr{b.Addr4(), addr("10.77.1.98"), addr("224.0.0.5")} {
		if n := testing.AllocsPerRun(100, func() { k.Lookup(hop, via) }); n != 0 {
			t.Errorf("%v: %v allocations", hop, n)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	lab := netlab.Test(b, netlab.Pair())
	k := open(b, lab.Node("a"))
	via, hop := lab.Node("a").Interfaces()[0].Index, lab.Node("b").Addr4()
	k.resolved(b, hop, via)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Lookup(hop, via); err != nil {
			b.Fatal(err)
		}
	}
}
