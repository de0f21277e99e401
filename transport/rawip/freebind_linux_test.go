// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"net/netip"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

// addAddress gives the first interface of a node one more address.
func addAddress(t *testing.T, n *netlab.Node, a netip.Addr) {
	t.Helper()
	m := rtnetlink.AddressMessage{
		Family: unix.AF_INET, PrefixLength: 24, Index: uint32(n.Interfaces()[0].Index),
		Attributes: &rtnetlink.AddressAttributes{Address: a.AsSlice(), Local: a.AsSlice()},
	}
	if a.Is6() {
		m.Family, m.PrefixLength, m.Flags, m.Attributes.Flags = unix.AF_INET6, 64, unix.IFA_F_NODAD, unix.IFA_F_NODAD
	}
	err := n.Do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Address.New(&m)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFreeBindTakesAnAddressThatComesLater(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	cfg := Config{FreeBind: true, Local4: addr("10.77.1.99"), Local6: addr("fd77:1::99")}
	rx, all := open(t, b, cfg), open(t, b, Config{})
	bind(t, rx, 253)
	bind(t, all, 253)
	tx := open(t, a, Config{})
	cfg.Header = Kernel
	kernel := open(t, b, cfg)
	families(t, func(t *testing.T, v6 bool) {
		later := cfg.Local4
		if v6 {
			later = cfg.Local6
		}
		back := between(b, a, v6)
		back.src = later
		switch err := trySend(kernel, 0, packet(back, nil)); {
		case v6 && err != nil:
			t.Errorf("from an address that is not there: %v", err)
		case !v6 && !isErrno(err, unix.ENETUNREACH):
			t.Errorf("from an address that is not there: %v, want ENETUNREACH", err)
		}
		addAddress(t, b, later)
		h := between(a, b, v6)
		send(t, tx, packet(h, []byte("to the other"))) // is there before
		h.dst = later
		send(t, tx, packet(h, []byte("later")))
		if p := receive(t, rx, 1)[0]; p.Dst() != later || string(p.Payload()) != "later" {
			t.Errorf("%q to %v, want what was sent to %v", p.Payload(), p.Dst(), later)
		}
		if n := len(receive(t, all, 2)); n != 2 {
			t.Errorf("%d packets", n)
		}
		if err := trySend(kernel, 0, packet(back, nil)); err != nil {
			t.Errorf("from an address that came: %v", err)
		}
	})
}
