// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"protean/proto"
	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/multi"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/sim"
)

// over runs a host for as long as the test does.
func over(t *testing.T, tr transport.Transport) *proto.Host {
	t.Helper()
	h := must[*proto.Host](t)(proto.NewHost(tr, nil))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// echoes has a host send back what comes.
func echoes(t *testing.T, h *proto.Host) {
	t.Helper()
	must[*proto.Binding](t)(h.Handle(253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		s, err := env.Reply(p, len(p.Payload()))
		if err != nil {
			return err
		}
		copy(s.Payload(), p.Payload())
		return s.Commit()
	})))
}

// asks sends payloads that need no fragment, some, and many, and wants them back.
func asks(t *testing.T, h *proto.Host, dst netip.Addr) {
	t.Helper()
	c := must[*proto.Conn](t)(h.Dial(253, dst, nil))
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 1<<16)
	for _, n := range []int{1, 1400, 3000, 60_000} {
		want := strings.Repeat("x", n-1) + "y"
		must[int](t)(c.Write([]byte(want)))
		if k, err := c.Read(buf); err != nil || string(buf[:k]) != want {
			t.Errorf("%v: %d bytes: %d came back, %v", dst, n, k, err)
		}
	}
}

// One host over the packet sockets of two interfaces speaks with the kernels'
// hosts on both links, in both families, whoever begins.
func TestAHostOverTwoPacketSockets(t *testing.T) {
	lab := netlab.Test(t, netlab.Topology{
		Nodes: []netlab.NodeSpec{{Name: "m"}, {Name: "a"}, {Name: "b"}},
		Links: []netlab.LinkSpec{{A: "m", B: "a"}, {A: "m", B: "b", MTU: 1400}},
	})
	m := lab.Node("m")
	var members []transport.Transport
	for _, name := range []string{"eth0", "eth1"} {
		members = append(members, must[*afpacket.Transport](t)(afpacket.Open(&afpacket.Config{NetNS: m.NetNS(), Interface: name})))
	}
	h := over(t, must[*multi.Transport](t)(multi.New(members...)))
	echoes(t, h)
	for i, name := range []string{"a", "b"} {
		n, here := lab.Node(name), m.Interfaces()[i]
		peer := over(t, must[*rawip.Transport](t)(rawip.Open(&rawip.Config{NetNS: n.NetNS()})))
		for _, dst := range []netip.Addr{here.Addr4.Addr(), here.Addr6.Addr()} {
			asks(t, peer, dst)
		}
	}
	// The other way round: connections are of another protocol than the echoes.
	for _, name := range []string{"a", "b"} {
		n := lab.Node(name)
		peer := over(t, must[*rawip.Transport](t)(rawip.Open(&rawip.Config{NetNS: n.NetNS()})))
		must[*proto.Binding](t)(peer.Handle(254, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
			return env.Send(proto.Header{Dst: p.Src()}, p.Payload())
		})))
		for _, dst := range []netip.Addr{n.Addr4(), n.Addr6()} {
			c := must[*proto.Conn](t)(h.Dial(254, dst, nil))
			c.SetDeadline(time.Now().Add(10 * time.Second))
			must[int](t)(c.Write([]byte("hello")))
			buf := make([]byte, 100)
			if k, err := c.Read(buf); err != nil || string(buf[:k]) != "hello" {
				t.Errorf("to %v: %q, %v", dst, buf[:k], err)
			}
			c.Close()
		}
	}
}

// A raw socket for one network, and a network in memory for another.
func TestAHostOverRawSocketsAndANetworkInMemory(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := newWires(t, sim.New(&sim.Config{Live: true}), 1, nil)
	raw := must[*rawip.Transport](t)(rawip.Open(&rawip.Config{NetNS: a.NetNS(), V4: true}))
	h := over(t, must[*multi.Transport](t)(multi.New(raw, only6{w.handles[0]})))
	echoes(t, over(t, must[*rawip.Transport](t)(rawip.Open(&rawip.Config{NetNS: b.NetNS()}))))
	echoes(t, over(t, w.peers[0]))
	asks(t, h, b.Addr4())
	asks(t, h, netip.MustParseAddr("fd00::2"))
}

// only6 is a transport for IPv6 alone.
type only6 struct{ transport.Transport }

func (o only6) Unwrap() transport.Transport { return o.Transport }
func (o only6) Caps() transport.Caps {
	c := o.Transport.Caps()
	c.V4, c.Known4 = false, 0
	return c
}
