// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport/internal/netns"
	"protean/transport/netlab"
)

func openProber(t *testing.T, n *netlab.Node) *prober {
	t.Helper()
	ns, err := netns.At(n.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	p := new(prober)
	p.open(ns)
	t.Cleanup(p.close)
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p
}

// TestManySilentNeighboursDoNotKeepOthersFromBeingAsked: the kernel counts what waits for them
// against the socket that sent it.
func TestManySilentNeighboursDoNotKeepOthersFromBeingAsked(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	index := a.Interfaces()[0].Index
	p := openProber(t, a)
	// IPv6, since of IPv4 there are fewer addresses on the link. The kernel's table holds 1024.
	silent, bad := netip.MustParseAddr("fd77:1::1000"), 0
	for range 700 {
		silent = silent.Next()
		if err := p.probe(silent, index); err != nil {
			if bad++; bad == 1 {
				t.Errorf("%v: %v", silent, err)
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d of 700 were not asked", bad)
	}
	if err := p.probe(b.Addr6(), index); err != nil {
		t.Errorf("one that answers: %v", err)
	}
}

func TestWhatAsksReceivesNothing(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	from, to := openProber(t, a), openProber(t, b)
	for _, c := range []struct {
		s  probeSocket
		at netip.Addr
		by netip.Addr
	}{{to.v4, b.Addr4(), a.Addr4()}, {to.v6, b.Addr6(), a.Addr6()}} {
		if err := to.probe(c.by, b.Interfaces()[0].Index); err != nil { // it has a port then
			t.Fatal(err)
		}
		sa, err := unix.Getsockname(int(c.s - 1))
		if err != nil {
			t.Fatal(err)
		}
		var dst unix.Sockaddr
		sender := from.v4
		switch sa := sa.(type) {
		case *unix.SockaddrInet4:
			dst = &unix.SockaddrInet4{Addr: c.at.As4(), Port: sa.Port}
		case *unix.SockaddrInet6:
			dst, sender = &unix.SockaddrInet6{Addr: c.at.As16(), Port: sa.Port}, from.v6
		}
		if err := unix.Sendto(int(sender-1), []byte("hello"), 0, dst); err != nil {
			t.Fatal(err)
		}
		// Over a veth pair it is there, or dropped, when sendto returns or soon after.
		fds := []unix.PollFd{{Fd: int32(c.s - 1), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 100); n != 0 || err != nil {
			t.Errorf("%v: %d readable, %v", c.at, n, err)
		}
	}
}
