// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh_test

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport/neigh"
	"protean/transport/netlab"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// A watched Kernel tells its changes.
type watched struct {
	*neigh.Kernel
	changed chan netip.Addr
}

func open(t testing.TB, n *netlab.Node) watched {
	t.Helper()
	w := watched{changed: make(chan netip.Addr, 1000)}
	k, err := neigh.Open(&neigh.Config{NetNS: n.NetNS(), Changed: func(hop netip.Addr, _ int) { w.changed <- hop }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	w.Kernel = k
	return w
}

// await waits until the Kernel tells that hop has changed.
func (w watched) await(t testing.TB, hop netip.Addr) {
	t.Helper()
	for late := time.After(10 * time.Second); ; {
		select {
		case got := <-w.changed:
			if got == hop {
				return
			}
		case <-late:
			t.Fatalf("nothing is told of %v", hop)
		}
	}
}

// resolved looks a hop up until it is not pending.
func (w watched) resolved(t testing.TB, hop netip.Addr, ifindex int) (neigh.LinkAddr, error) {
	t.Helper()
	for {
		a, err := w.Lookup(hop, ifindex)
		if err != neigh.ErrPending {
			return a, err
		}
		w.await(t, hop)
	}
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

func message(hop netip.Addr, ifindex int) *rtnetlink.NeighMessage {
	m := &rtnetlink.NeighMessage{Family: unix.AF_INET, Index: uint32(ifindex), Attributes: &rtnetlink.NeighAttributes{Address: hop.AsSlice()}}
	if hop.Is6() {
		m.Family = unix.AF_INET6
	}
	return m
}

// state returns the kernel's of a neighbour, 0 if it has none.
func state(t testing.TB, n *netlab.Node, hop netip.Addr) (s uint16) {
	t.Helper()
	change(t, n, func(c *rtnetlink.Conn) error {
		all, err := c.Neigh.List()
		for _, m := range all {
			if a, ok := netip.AddrFromSlice(m.Attributes.Address); ok && a.Unmap() == hop {
				s = m.State
			}
		}
		return err
	})
	return s
}

// forget has the kernel forget a neighbour.
func forget(t testing.TB, n *netlab.Node, hop netip.Addr, ifindex int) {
	t.Helper()
	change(t, n, func(c *rtnetlink.Conn) error {
		_, err := c.Execute(message(hop, ifindex), unix.RTM_DELNEIGH, netlink.Request|netlink.Acknowledge)
		return err
	})
}
