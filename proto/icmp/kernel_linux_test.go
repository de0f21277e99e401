// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package icmp_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/icmp"
	"protean/proto/wire"
	"protean/transport/netlab"
	"protean/transport/rawip"
)

// rawHost runs a host over raw sockets in a node of a lab until the test ends.
func rawHost(t *testing.T, n *netlab.Node) *proto.Host {
	t.Helper()
	tr, err := rawip.Open(&rawip.Config{NetNS: n.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	h, err := proto.NewHost(tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestTheKernelAnswersForItsAddresses: a host over raw sockets leaves answers to
// the kernel, unless it is told that this is quiet.
func TestTheKernelAnswersForItsAddresses(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for _, always := range []bool{false, true} {
		h := rawHost(t, b)
		register(t, h, &icmp.Config{Always: always})
		asker := rawHost(t, a)
		want := 1
		if always {
			want = 2 // the kernel is not quiet here
		}
		for _, dst := range []netip.Addr{b.Addr4(), b.Addr6()} {
			typ, protocol := uint8(wire.ICMPv4EchoReply), uint8(wire.ProtoICMP)
			m := message4(wire.ICMPv4Echo, 7, []byte("hello"))
			if dst.Is6() {
				typ, protocol = wire.ICMPv6EchoReply, wire.ProtoICMPv6
				m = message6(wire.ICMPv6Echo, 7, []byte("hello"), a.Addr6(), dst)
			}
			answers := make(chan []byte, 10)
			x, err := asker.Handle(protocol, proto.HandlerFunc(func(_ *proto.Env, p *proto.Packet) error {
				if b := p.Payload(); len(b) > 0 && b[0] == typ {
					answers <- p.Clone().Payload()
				}
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			if err := x.Do(func(env *proto.Env) {
				if err := env.Send(proto.Header{Dst: dst}, m); err != nil {
					t.Fatal(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				select {
				case got := <-answers:
					if string(got[8:]) != "hello" {
						t.Errorf("answer % x", got)
					}
				case <-time.After(10 * time.Second):
					t.Fatalf("always %v, %v: %d answers, want %d", always, dst, i, want)
				}
			}
			time.Sleep(50 * time.Millisecond) // one too many would be here by now
			if len(answers) != 0 {
				t.Errorf("always %v, %v: %d answers, want %d", always, dst, want+len(answers), want)
			}
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
