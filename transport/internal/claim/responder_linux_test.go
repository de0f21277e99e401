// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package claim

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport/internal/netns"
	"protean/transport/internal/sockio"
	"protean/transport/neigh"
	"protean/transport/netlab"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

// responder opens one on the first interface of a node.
func responder(t *testing.T, n *netlab.Node) *Responder {
	t.Helper()
	ns, err := netns.Open(n.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	f := n.Interfaces()[0]
	r := New(ns, f.Index, func() wire.MAC { return wire.MAC(f.HardwareAddr) })
	t.Cleanup(func() {
		r.Close()
		ns.Close()
	})
	return r
}

// seen is how the kernel of a node sees a neighbour.
func seen(t *testing.T, n *netlab.Node, hop netip.Addr) (neigh.LinkAddr, error) {
	t.Helper()
	changed := make(chan netip.Addr, 100)
	k, err := neigh.Open(&neigh.Config{NetNS: n.NetNS(), Changed: func(hop netip.Addr, _ int) { changed <- hop }})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for {
		a, err := k.Lookup(hop, n.Interfaces()[0].Index)
		if err != neigh.ErrPending {
			return a, err
		}
		<-changed
	}
}

// until waits until the kernel of a node sees a neighbour at a hardware address.
func until(t *testing.T, n *netlab.Node, hop netip.Addr, want wire.MAC) {
	t.Helper()
	var got neigh.LinkAddr
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got, err = seen(t, n, hop); err == nil && got == neigh.LinkAddrFromMAC(want) {
			return
		}
	}
	t.Errorf("%v: %v, %v; want %v", hop, got, err, want)
}

// forget has the kernel of a node forget a neighbour, and give up soon on those
// that do not answer.
func forget(t *testing.T, n *netlab.Node, hop netip.Addr) {
	t.Helper()
	m := &rtnetlink.NeighMessage{Family: unix.AF_INET, Index: uint32(n.Interfaces()[0].Index), Attributes: &rtnetlink.NeighAttributes{Address: hop.AsSlice()}}
	family := "ipv4"
	if hop.Is6() {
		m.Family, family = unix.AF_INET6, "ipv6"
	}
	if err := n.Sysctl("net/"+family+"/neigh/eth0/retrans_time_ms", "50"); err != nil {
		t.Fatal(err)
	}
	err := n.Do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Execute(m, unix.RTM_DELNEIGH, netlink.Request|netlink.Acknowledge)
		return err
	})
	if err != nil && !errors.Is(err, unix.ENOENT) {
		t.Fatal(err)
	}
}

var claims = []netip.Addr{netip.MustParseAddr("10.77.1.200"), netip.MustParseAddr("fd77:1::200"), netip.MustParseAddr("fe80::200")}

func TestClaimedAddressesAreAnsweredFor(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	r := responder(t, b)
	own, foreign := wire.MAC(b.Interfaces()[0].HardwareAddr), wire.MAC{2, 0, 0x5e, 0, 1, 7}
	for _, c := range claims {
		if err := r.Claim(c, wire.MAC{}); err != nil {
			t.Fatal(err)
		}
		if got, err := seen(t, a, c); err != nil || got != neigh.LinkAddrFromMAC(own) {
			t.Errorf("%v: %v, %v; want %v", c, got, err, own)
		}
		// The same with a hardware address that is not the interface's: who knows
		// the address is told.
		if err := r.Claim(c, foreign); err != nil {
			t.Fatal(err)
		}
		until(t, a, c, foreign)
		forget(t, a, c)
		if got, err := seen(t, a, c); err != nil || got != neigh.LinkAddrFromMAC(foreign) {
			t.Errorf("%v, asked for again: %v, %v; want %v", c, got, err, foreign)
		}
		r.Unclaim(c)
		r.Unclaim(c)
		forget(t, a, c)
		if got, err := seen(t, a, c); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("%v, given up: %v, %v", c, got, err)
		}
	}
	r.Close()
	if err := r.Claim(claims[0], wire.MAC{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// An address moves to whoever announces it last.
func TestAnAnnouncementMovesAnAddress(t *testing.T) {
	lab := netlab.Test(t, netlab.Star(3))
	h1 := lab.Node("h1")
	for _, name := range []string{"h2", "h3", "h2"} {
		n := lab.Node(name)
		r := responder(t, n)
		for _, c := range claims {
			if err := r.Claim(c, wire.MAC{}); err != nil {
				t.Fatal(err)
			}
			until(t, h1, c, wire.MAC(n.Interfaces()[0].HardwareAddr))
		}
		r.Close()
	}
}

// A kernel that wants the address finds out that it is taken (RFC 4862, section
// 5.4).
func TestDuplicatesAreDetected(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	r := responder(t, b)
	c := claims[1]
	if err := r.Claim(c, wire.MAC{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"accept_dad", "dad_transmits"} {
		if err := a.Sysctl("net/ipv6/conf/eth0/"+s, "1"); err != nil {
			t.Fatal(err)
		}
	}
	err := a.Do(func() error {
		n, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer n.Close()
		index := uint32(a.Interfaces()[0].Index)
		err = n.Address.New(&rtnetlink.AddressMessage{
			Family: unix.AF_INET6, PrefixLength: 64, Index: index,
			Attributes: &rtnetlink.AddressAttributes{Address: c.AsSlice(), Local: c.AsSlice()},
		})
		for deadline := time.Now().Add(10 * time.Second); err == nil; time.Sleep(time.Millisecond) {
			var all []rtnetlink.AddressMessage
			all, err = n.Address.List()
			for _, m := range all {
				if netip.MustParseAddr(m.Attributes.Address.String()) == c && m.Attributes.Flags&unix.IFA_F_DADFAILED != 0 {
					return nil
				}
			}
			if time.Now().After(deadline) {
				return errors.New("the kernel has not noticed that the address is taken")
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What the interface listens to is in the kernel's tables, and gone afterwards.
func TestMembershipsAreTheKernels(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	r := responder(t, b)
	listed := func(file, what string) bool {
		t.Helper()
		var text []byte
		err := b.Do(func() (err error) {
			text, err = os.ReadFile("/proc/thread-self/net/" + file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), what)
	}
	check := func(when string, want bool) {
		t.Helper()
		if listed("dev_mcast", "3333ff000200") != want || listed("igmp6", "ff0200000000000000000001ff000200") != want {
			t.Errorf("%s: in the groups of the interface: %v", when, !want)
		}
	}
	check("before", false)
	for _, c := range claims {
		if err := r.Claim(c, wire.MAC{}); err != nil {
			t.Fatal(err)
		}
	}
	check("claimed", true)
	r.Unclaim(claims[1])
	check("one of two with that group given up", true)
	r.Unclaim(claims[2])
	check("both given up", false)
	for _, hw := range []wire.MAC{{}, {2, 0, 0x5e, 0, 1, 7}, {2, 0, 0x5e, 0, 1, 8}, {}} {
		if err := r.Claim(claims[1], hw); err != nil {
			t.Fatal(err)
		}
		check("claimed with "+hw.String(), true)
	}
	r.Close()
	check("closed", false)
}

func TestALinkMayGoDownAndComeBack(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	r := responder(t, b)
	if err := r.Claim(claims[0], wire.MAC{}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, up := range []bool{false, true} {
			if err := b.SetLink("eth0", up); err != nil {
				t.Fatal(err)
			}
		}
		forget(t, a, claims[0])
		until(t, a, claims[0], wire.MAC(b.Interfaces()[0].HardwareAddr))
	}
}

// Somebody else's claim to an IPv4 address is answered by another announcement,
// once in ten seconds.
func TestAnAddressIsDefended(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	r := responder(t, b)
	own, other := wire.MAC(b.Interfaces()[0].HardwareAddr), wire.MAC{2, 9, 9, 9, 9, 9}
	if err := r.Claim(claims[0], wire.MAC{}); err != nil {
		t.Fatal(err)
	}
	// No announcement of its own accord comes in between.
	r.mu.Lock()
	r.addrs[claims[0]].timer.Stop()
	r.addrs[claims[0]].left = 0
	r.mu.Unlock()
	var fd int
	err := a.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(sockio.NetworkOrder(unix.ETH_P_ARP)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	send := func(frame []byte) {
		t.Helper()
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: a.Interfaces()[0].Index, Protocol: sockio.NetworkOrder(unix.ETH_P_ARP)}); err != nil {
			t.Fatal(err)
		}
	}
	receive := func() wire.ARP {
		t.Helper()
		b := make([]byte, 100)
		n, _, err := unix.Recvfrom(fd, b, 0)
		for err == unix.EINTR {
			n, _, err = unix.Recvfrom(fd, b, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		f, _ := wire.ParseEthernet(b[:n])
		p, bad := wire.ParseARP(f.Payload())
		if bad != wire.NotMalformed {
			t.Fatal(bad)
		}
		return p
	}
	forged := announceARP(claims[0], other)
	send(forged)
	if p := receive(); p.Op() != wire.ARPRequest || p.SenderIP() != claims[0] || p.TargetIP() != claims[0] || p.SenderMAC() != own {
		t.Errorf("the defence is %x", p)
	}
	send(forged)
	send(arp(wire.BroadcastMAC(), wire.ARPFields{Op: wire.ARPRequest, SenderMAC: other, SenderIP: a.Addr4(), TargetIP: claims[0]}))
	if p := receive(); p.Op() != wire.ARPReply || p.TargetMAC() != other {
		t.Errorf("after a second claim: %x, want the answer to a question", p)
	}
}
