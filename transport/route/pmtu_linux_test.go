// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route_test

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport/netlab"
	"protean/transport/route"
)

// What the kernel learns of a path is part of the answer: when it is asked for
// again, or after the time for which answers are used.
func TestLearntPathMTUs(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a, b := lab.Node("a"), lab.Node("b")
	up := a.Interfaces()[0].Index
	k := open(t, a)
	for dst, want := range map[netip.Addr]route.Route{
		b.Addr4(): way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1500),
		b.Addr6(): way(route.Unicast, "fd77:1::1", "fd77:1::2", up, 1500),
	} {
		until(t, k, dst.String(), want, nil)
		big(t, a, dst)
		want.MTU = 1300
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			k.Forget(dst, 0)
			if got, err := k.Lookup(dst, 0); err != nil || got == want {
				break
			}
		}
		if got, err := k.Lookup(dst, 0); err != nil || got != want {
			t.Errorf("%v, forgotten: %+v, %v; want %+v", dst, got, err, want)
		}
	}
	again, err := route.Open(&route.Config{NetNS: a.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	other := addr("10.77.2.200")
	until(t, again, other.String(), way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1500), nil)
	big(t, a, other)
	until(t, again, other.String(), way(route.Unicast, "10.77.1.1", "10.77.1.2", up, 1300), nil)
}

// big sends a UDP datagram of 1400 bytes that must not be fragmented.
func big(t *testing.T, n *netlab.Node, dst netip.Addr) {
	t.Helper()
	err := n.Do(func() error {
		family, level, option := unix.AF_INET, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
		var to unix.Sockaddr = &unix.SockaddrInet4{Port: 9, Addr: [4]byte(dst.AsSlice()[:4])}
		if dst.Is6() {
			family, level, option = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER
			to = &unix.SockaddrInet6{Port: 9, Addr: dst.As16()}
		}
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, level, option, unix.IP_PMTUDISC_DO); err != nil {
			return err
		}
		if err := unix.Connect(fd, to); err != nil { // so that the error is told
			return err
		}
		if _, err := unix.Write(fd, make([]byte, 1360)); err != nil {
			return err
		}
		// The kernel has learnt when the socket has the error.
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLERR}}
		unix.Poll(p, 5000)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
