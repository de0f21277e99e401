// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab_test

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"protean/transport/netlab"
)

// exchange sends one UDP datagram from one node to an address of another and
// waits for it there. It is sent once: what is ready needs no second try.
func exchange(from, to *netlab.Node, dst netip.Addr, size int) error {
	var rx, tx *net.UDPConn
	err := to.Do(func() (err error) {
		rx, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(zoned(dst, to), 0)))
		return err
	})
	if err != nil {
		return err
	}
	defer rx.Close()
	err = from.Do(func() (err error) {
		port := rx.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		tx, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(zoned(dst, from), port)))
		return err
	})
	if err != nil {
		return err
	}
	defer tx.Close()
	if _, err := tx.Write(make([]byte, size)); err != nil {
		return err
	}
	rx.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, size+1)
	n, err := rx.Read(buf)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes arrived of %d", n, size)
	}
	return err
}

// zoned gives a link-local address the zone of n's first interface.
func zoned(a netip.Addr, n *netlab.Node) netip.Addr {
	if !a.IsLinkLocalUnicast() {
		return a
	}
	return a.WithZone(strconv.Itoa(n.Interfaces()[0].Index))
}

// allPairs exchanges a datagram between any two hosts, both ways and in both
// families.
func allPairs(t *testing.T, lab *netlab.Lab) {
	t.Helper()
	var hosts []*netlab.Node
	for _, n := range lab.Nodes() {
		if n.Addr4().IsValid() {
			hosts = append(hosts, n)
		}
	}
	for _, from := range hosts {
		for _, to := range hosts {
			if from == to {
				continue
			}
			for _, dst := range []netip.Addr{to.Addr4(), to.Addr6()} {
				if err := exchange(from, to, dst, 100); err != nil {
					t.Errorf("%s to %s at %v: %v", from.Name(), to.Name(), dst, err)
				}
			}
		}
	}
}

func TestEveryHostReachesEveryOther(t *testing.T) {
	for _, test := range []struct {
		name string
		top  netlab.Topology
	}{
		{"pair", netlab.Pair()},
		{"line with one router", netlab.Line(1)},
		{"line with three routers", netlab.Line(3)},
		{"star of five", netlab.Star(5)},
		{"line with a narrow link", netlab.Line(2).WithLinkMTU(1, 1280)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			allPairs(t, netlab.Test(t, test.top))
		})
	}
}

func TestLinkLocalAddressesWorkAtOnce(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	dst := b.Interfaces()[0].LinkLocal
	if err := exchange(a, b, dst, 1); err != nil {
		t.Error(err)
	}
}

func TestANodeReachesItsOwnAddressesAtOnce(t *testing.T) {
	for range 5 {
		a := netlab.Test(t, netlab.Pair()).Node("a")
		for _, dst := range []netip.Addr{a.Addr4(), a.Addr6(), a.Interfaces()[0].LinkLocal} {
			if err := exchange(a, a, dst, 1); err != nil {
				t.Errorf("to %v: %v", dst, err)
			}
		}
	}
}

func TestTheKernelsPingGetsAnswers(t *testing.T) {
	ping, err := exec.LookPath("ping")
	if err != nil {
		t.Skip("no ping program on this machine; the same ways are tested with UDP")
	}
	lab := netlab.Test(t, netlab.Line(1))
	for _, dst := range []netip.Addr{lab.Node("b").Addr4(), lab.Node("b").Addr6()} {
		out, err := lab.Node("a").Run(t.Context(), ping, "-c", "1", "-W", "10", dst.String())
		if err != nil || !strings.Contains(string(out), "1 received") {
			t.Errorf("ping %v: %v\n%s", dst, err, out)
		}
	}
}

func TestANarrowLinkLimitsPackets(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a, b := lab.Node("a"), lab.Node("b")
	if got := a.Interfaces()[0].MTU; got != 1500 {
		t.Errorf("MTU at a is %d, want 1500", got)
	}
	if got := b.Interfaces()[0].MTU; got != 1300 {
		t.Errorf("MTU at b is %d, want 1300", got)
	}
	for _, end := range []*netlab.Node{b, lab.Node("r1")} {
		name := end.Interfaces()[len(end.Interfaces())-1].Name
		err := end.Do(func() error {
			ifi, err := net.InterfaceByName(name)
			if err == nil && ifi.MTU != 1300 {
				err = fmt.Errorf("MTU is %d, want 1300", ifi.MTU)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s of %s: %v", name, end.Name(), err)
		}
	}
}

func TestInterfacesAreAsTheKernelSeesThem(t *testing.T) {
	lab := netlab.Test(t, netlab.Star(2))
	for _, n := range lab.Nodes() {
		for _, f := range n.Interfaces() {
			err := n.Do(func() error {
				ifi, err := net.InterfaceByIndex(f.Index)
				if err != nil {
					return err
				}
				if ifi.Name != f.Name || ifi.MTU != f.MTU || ifi.HardwareAddr.String() != f.HardwareAddr.String() {
					return fmt.Errorf("kernel says %+v, node says %+v", ifi, f)
				}
				addrs, err := ifi.Addrs()
				if err != nil {
					return err
				}
				have := fmt.Sprint(addrs)
				for _, p := range []netip.Prefix{f.Addr4, f.Addr6} {
					if p.IsValid() && !strings.Contains(have, p.String()) {
						return fmt.Errorf("%v is not among %s", p, have)
					}
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s %s: %v", n.Name(), f.Name, err)
			}
		}
	}
}

func TestLabsDoNotSeeEachOther(t *testing.T) {
	netlab.Require(t)
	const labs = 6
	var wg sync.WaitGroup
	errs := make([]error, labs)
	ready := make(chan struct{})
	var built sync.WaitGroup
	built.Add(labs)
	for i := range labs {
		wg.Go(func() {
			lab, err := netlab.New(netlab.Pair())
			built.Done()
			if err != nil {
				errs[i] = err
				return
			}
			defer lab.Close()
			<-ready // all of them exist now, with equal addresses
			errs[i] = exchange(lab.Node("a"), lab.Node("b"), lab.Node("b").Addr4(), 1+i)
		})
	}
	built.Wait()
	close(ready)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("lab %d: %v", i, err)
		}
	}
}
