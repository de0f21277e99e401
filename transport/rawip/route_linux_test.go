// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/rtnl"
	"protean/transport/netlab"
)

func TestRoutesAreThoseOfTheKernel(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a, r := lab.Node("a"), lab.Node("r1")
	tr := open(t, r, Config{})
	host := open(t, a, Config{})
	if0, if1 := r.Interfaces()[0].Index, r.Interfaces()[1].Index
	up := a.Interfaces()[0].Index
	for _, c := range []struct {
		name      string
		tr        *Transport
		dst       string
		ifindex   int
		src, next string
		out, mtu  int
	}{
		{"a neighbour", tr, "10.77.2.2", 0, "10.77.2.1", "10.77.2.2", if1, 1300},
		{"a neighbour", tr, "fd77:2::2", 0, "fd77:2::1", "fd77:2::2", if1, 1300},
		{"behind a router", host, "10.77.2.2", 0, "10.77.1.1", "10.77.1.2", up, 1500},
		{"behind a router", host, "fd77:2::2", 0, "fd77:1::1", "fd77:1::2", up, 1500},
		{"a link-local neighbour", tr, "fe80::1234", if0, r.Interfaces()[0].LinkLocal.String(), "fe80::1234", if0, 1500},
		{"the same with a zone", tr, "fe80::1234%eth1", 0, r.Interfaces()[1].LinkLocal.String(), "fe80::1234", if1, 1300},
		{"a group", tr, "224.0.0.251", if1, "10.77.2.1", "224.0.0.251", if1, 1300},
		{"this host", tr, "10.77.1.2", 0, "10.77.1.2", "10.77.1.2", 1, 65535},
	} {
		got, err := c.tr.Route(addr(c.dst), c.ifindex)
		want := transport.Route{Src: addr(c.src), NextHop: addr(c.next), IfIndex: c.out, MTU: c.mtu}
		if err != nil || got != want {
			t.Errorf("%s, %s: %+v, %v; want %+v", c.name, c.dst, got, err, want)
		}
	}
	// What the router says about an IPv4 path is part of the answer, at the
	// latest from when the kernel refuses a packet for it, for protocols that are
	// bound.
	bind(t, host, 253)
	h := between(a, lab.Node("b"), false)
	h.df = true
	for range 100 {
		err := trySend(host, 0, packet(h, pattern(1380)))
		var big *transport.TooBigError
		if err != nil && (!errors.As(err, &big) || big.MTU != 1300) {
			t.Fatal(err)
		}
		got, err := host.Route(h.dst, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got.MTU == 1300 {
			return
		}
		pause()
	}
	t.Error("the path MTU was not learnt")
}

func TestGroupsAreJoinedByAllSockets(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	via, on := a.Interfaces()[0], b.Interfaces()[0]
	tx := open(t, a, Config{})
	for _, c := range []struct{ group, src, other string }{
		{"239.1.2.3", via.Addr4.Addr().String(), "10.77.1.200"},
		{"ff05::1:2", via.Addr6.Addr().String(), "fd77:1::200"},
	} {
		group, src := addr(c.group), addr(c.src)
		to := func(protocol uint8, from string) []byte {
			return packet(header{src: addr(from), dst: group, protocol: protocol}, []byte(from))
		}
		emit := func(p []byte) {
			t.Helper()
			if err := trySend(tx, via.Index, p); err != nil {
				t.Fatal(err)
			}
		}
		// until returns what came before a last, unicast packet of each
		// protocol: order holds within a protocol only.
		until := func(rx *Transport, protocols ...uint8) (got []string) {
			t.Helper()
			h := between(a, b, group.Is6())
			for _, h.protocol = range protocols {
				send(t, tx, packet(h, []byte("last")))
			}
			var col collector
			last := 0
			col.until(t, rx, func() bool {
				for _, p := range col.packets {
					if s := string(p.Payload()); s == "last" {
						last++
					} else {
						got = append(got, s)
					}
				}
				col.packets = nil
				return last == len(protocols)
			})
			return got
		}
		rx := open(t, b, Config{})
		bind(t, rx, 253)
		emit(to(253, c.src))
		if got := until(rx, 253); len(got) != 0 {
			t.Errorf("before Join: %q", got)
		}
		for range 2 {
			if err := rx.Join(on.Index, group); err != nil {
				t.Fatalf("Join: %v", err)
			}
		}
		bind(t, rx, 254) // later
		emit(to(253, c.src))
		emit(to(254, c.src))
		if got := until(rx, 253, 254); len(got) != 2 {
			t.Errorf("after Join: %q", got)
		}
		if err := rx.Leave(on.Index, group); err != nil {
			t.Errorf("Leave: %v", err)
		}
		emit(to(253, c.src))
		if got := until(rx, 253, 254); len(got) != 0 {
			t.Errorf("after Leave: %q", got)
		}
		if err := rx.Leave(on.Index, group); !isErrno(err, unix.EADDRNOTAVAIL) {
			t.Errorf("second Leave: %v", err)
		}
		if err := rx.Join(on.Index, group, src); err != nil {
			t.Fatalf("Join with a source: %v", err)
		}
		emit(to(253, c.other))
		emit(to(253, c.src))
		if got := until(rx, 253); len(got) != 1 || got[0] != c.src {
			t.Errorf("from a source: %q", got)
		}
		if st := rx.Stats(); group.Is6() && st.Dropped[transport.Filtered] != 1 {
			t.Errorf("dropped: %v", st.Dropped)
		}
		if err := rx.Leave(on.Index, group, src); err != nil {
			t.Errorf("Leave of a source: %v", err)
		}
	}
}

// TestAMembershipEndsWithItsInterface, on which nothing can be left any more, and another
// with its index can be joined on.
func TestAMembershipEndsWithItsInterface(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	index := b.Interfaces()[0].Index
	rx := open(t, b, Config{})
	bind(t, rx, 253)
	groups := []netip.Addr{addr("239.1.2.3"), addr("ff05::1:2")}
	join := func() {
		t.Helper()
		for _, g := range groups {
			if err := rx.Join(index, g); err != nil {
				t.Fatal(err)
			}
		}
	}
	join()
	if err := b.Replug("eth0"); err != nil {
		t.Fatal(err)
	}
	bind(t, rx, 254) // before the event
	var col collector
	col.until(t, rx, func() bool {
		return slices.ContainsFunc(col.links, func(f transport.Interface) bool { return f.Removed })
	})
	for _, g := range groups {
		if err := rx.Leave(index, g); !isErrno(err, unix.EADDRNOTAVAIL) {
			t.Errorf("Leave of %v: %v", g, err)
		}
	}
	bind(t, rx, 252)
	join()
	tx := open(t, a, Config{})
	for _, g := range groups {
		h := between(a, b, g.Is6())
		for _, h.protocol = range []uint8{252, 253, 254} {
			h.dst = g
			if err := trySend(tx, a.Interfaces()[0].Index, packet(h, []byte("hello"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := len(col.packets)
	col.until(t, rx, func() bool { return len(col.packets) >= got+6 })
}

// TestBindWhileAnInterfaceWithAGroupIsGone, before anybody was told of that.
func TestBindWhileAnInterfaceWithAGroupIsGone(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	index := b.Interfaces()[0].Index
	rx := open(t, b, Config{})
	bind(t, rx, 253)
	for _, g := range []string{"239.1.2.3", "ff05::1:2"} {
		if err := rx.Join(index, addr(g)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := rtnl.Dial(b.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	link := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(link[4:], uint32(index))
	if _, err := rtnl.Execute(c, unix.RTM_DELLINK, unix.NLM_F_ACK, link, nil); err != nil {
		t.Fatal(err)
	}
	bind(t, rx, 254)
	var col collector
	col.until(t, rx, func() bool {
		return slices.ContainsFunc(col.links, func(f transport.Interface) bool { return f.Removed })
	})
	bind(t, rx, 252)
}

func TestJoinRefusesWhatCannotBe(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	index := lab.Node("a").Interfaces()[0].Index
	both := open(t, lab.Node("a"), Config{})
	only4 := open(t, lab.Node("a"), Config{V4: true})
	before := files(t)
	var a *net.AddrError
	for name, err := range map[string]error{
		"a unicast address":               both.Join(index, addr("10.77.1.1")),
		"a family that is not there":      only4.Join(index, addr("ff05::1")),
		"a source of the other family":    both.Join(index, addr("232.1.1.1"), addr("::1")),
		"a source that is not an address": both.Join(index, addr("232.1.1.1"), transport.Route{}.Src),
	} {
		var op *net.OpError
		if !errors.As(err, &a) || !errors.As(err, &op) || op.Op != "join" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, g := range []string{"239.1.1.1", "ff05::1"} {
		for _, i := range []int{0, -1, 9999} {
			if err := both.Join(i, addr(g)); !isErrno(err, unix.ENODEV) {
				t.Errorf("interface %d, group %s: %v, want ENODEV", i, g, err)
			}
		}
		var op *net.OpError
		if err := both.Leave(index, addr(g)); !isErrno(err, unix.EADDRNOTAVAIL) || !errors.As(err, &op) || op.Op != "leave" {
			t.Errorf("group %s, left without having been joined: %v", g, err)
		}
	}
	if after := files(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
