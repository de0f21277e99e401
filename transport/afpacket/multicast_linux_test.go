// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"protean/transport/netlab"
)

func TestJoinAndLeaveRefuseWhatCannotBe(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	index := b.Interfaces()[0].Index
	both := open(t, b, Config{})
	only4 := open(t, b, Config{V4: true})
	addr := netip.MustParseAddr
	for _, c := range []struct {
		name string
		op   string
		err  error
		want error // nil: a *net.AddrError
	}{
		{"another interface", "join", both.Join(index+1, addr("239.1.1.1")), syscall.ENODEV},
		{"another interface", "leave", both.Leave(index+1, addr("239.1.1.1")), syscall.ENODEV},
		{"a unicast address", "join", both.Join(index, b.Addr4()), nil},
		{"a family that is not there", "join", only4.Join(index, addr("ff05::1")), nil},
		{"a source of the other family", "join", both.Join(index, addr("232.1.1.1"), addr("::1")), nil},
		{"not joined", "leave", both.Leave(index, addr("239.1.1.1")), syscall.EADDRNOTAVAIL},
		{"not joined", "leave", both.Leave(index, addr("ff05::1")), syscall.EADDRNOTAVAIL},
	} {
		var op *net.OpError
		var a *net.AddrError
		if !errors.As(c.err, &op) || op.Op != c.op || c.want != nil && !errors.Is(c.err, c.want) || c.want == nil && !errors.As(c.err, &a) {
			t.Errorf("%s: %v, want %s: %v", c.name, c.err, c.op, c.want)
		}
	}
}

// An IPv4 group is one, whether it is written as IPv6 or not, and to join twice is
// to join once.
func TestAGroupIsJoinedOnce(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	index := b.Interfaces()[0].Index
	tr := open(t, b, Config{V4: true})
	plain, mapped := netip.MustParseAddr("239.1.1.1"), netip.MustParseAddr("::ffff:239.1.1.1")
	if err := errors.Join(tr.Join(index, mapped), tr.Join(index, plain), tr.Leave(index, mapped)); err != nil {
		t.Fatal(err)
	}
	if err := tr.Leave(index, plain); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("left again: %v", err)
	}
}
