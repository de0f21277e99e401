// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"errors"
	"net/netip"
	"testing"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/netlab"
	"protean/transport/rawip"
)

func mayCut(m proto.FragMode) bool { return m == proto.FragAuto || m == proto.FragAllow }

// TestPacketsAboveTheMTU has the facts of the table in transports.md about
// packets that are larger than the MTU of the outgoing interface.
func TestPacketsAboveTheMTU(t *testing.T) {
	big := make([]byte, 3000)
	write := func(t *testing.T, h *proto.Host, dst netip.Addr, frag proto.FragMode, sent bool) {
		t.Helper()
		c, err := h.Dial(253, dst, &proto.ConnConfig{Header: proto.Header{Frag: frag}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Write(big)
		var tooBig *transport.TooBigError
		if sent && err != nil || !sent && (!errors.As(err, &tooBig) || tooBig.MTU != 1500) {
			t.Errorf("to %v, FragMode %d: %v; is sent should be %v", dst, frag, err, sent)
		}
	}
	modes := []proto.FragMode{proto.FragAuto, proto.FragAllow, proto.FragNever, proto.FragProbe}
	t.Run("sim", func(t *testing.T) {
		n := prototest.LivePair(t, nil)
		for _, frag := range modes {
			write(t, n.A.Host, n.B.Addr4, frag, mayCut(frag))
			write(t, n.A.Host, n.B.Addr6, frag, mayCut(frag))
		}
	})
	t.Run("rawip", func(t *testing.T) {
		lab := netlab.Test(t, netlab.Pair())
		b := lab.Node("b")
		for _, mode := range []rawip.Header{rawip.Included, rawip.Kernel} {
			tr, err := rawip.Open(&rawip.Config{NetNS: lab.Node("a").NetNS(), Header: mode})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			h, err := proto.NewHost(tr, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, frag := range modes {
				write(t, h, b.Addr4(), frag, mayCut(frag))
				write(t, h, b.Addr6(), frag, mayCut(frag))
			}
		}
	})
	t.Run("afpacket", func(t *testing.T) {
		lab := netlab.Test(t, netlab.Pair())
		b := lab.Node("b")
		tr, err := afpacket.Open(&afpacket.Config{NetNS: lab.Node("a").NetNS(), Interface: "eth0"})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		h, err := proto.NewHost(tr, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, frag := range modes {
			write(t, h, b.Addr4(), frag, mayCut(frag))
			write(t, h, b.Addr6(), frag, mayCut(frag))
		}
	})
}
