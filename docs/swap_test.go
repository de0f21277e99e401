// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/sim"
)

// open opens a transport of one kind.
func open(kind string, node *sim.Node) (t transport.Transport, err error) {
	switch kind {
	case "raw sockets":
		t, err = rawip.Open(nil)
	case "packet sockets":
		t, err = afpacket.Open(&afpacket.Config{Interface: "eth0"})
	case "memory":
		t, err = node.Open(nil)
	}
	return t, err
}

// serve runs a host over a transport until the test ends.
func serve(t *testing.T, tr transport.Transport, err error) *proto.Host {
	t.Helper()
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
		tr.Close()
	})
	return h
}

// TestOneHandlerAnswersOverEveryTransport has the same echo handler answer a
// Conn over raw sockets, packet sockets and a network in memory, with a payload
// that fits and with one that comes in fragments.
func TestOneHandlerAnswersOverEveryTransport(t *testing.T) {
	ask := func(t *testing.T, asker, echoer *proto.Host, dsts ...netip.Addr) {
		t.Helper()
		if _, err := echoer.Handle(253, proto.HandlerFunc(echo)); err != nil {
			t.Fatal(err)
		}
		for _, dst := range dsts {
			c, err := asker.Dial(253, dst, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(10 * time.Second))
			for _, size := range []int{5, 64_000} {
				question, answer := make([]byte, size), make([]byte, size+1)
				for i := range question {
					question[i] = byte(i * i >> 3)
				}
				if _, err := c.Write(question); err != nil {
					t.Fatalf("%d bytes to %v: %v", size, dst, err)
				}
				if n, err := c.Read(answer); err != nil || string(answer[:n]) != string(question) {
					t.Errorf("%d bytes to %v: %d came back, %v", size, dst, n, err)
				}
			}
		}
	}
	for _, kind := range []string{"raw sockets", "packet sockets"} {
		t.Run(kind, func(t *testing.T) {
			lab := netlab.Test(t, netlab.Pair())
			in := func(node *netlab.Node) (tr transport.Transport, err error) {
				doErr := node.Do(func() error { tr, err = open(kind, nil); return nil })
				if doErr != nil {
					t.Fatal(doErr)
				}
				return tr, err
			}
			b := lab.Node("b")
			tb, errB := in(b)
			ta, errA := in(lab.Node("a"))
			ask(t, serve(t, ta, errA), serve(t, tb, errB), b.Addr4(), b.Addr6())
		})
	}
	t.Run("memory", func(t *testing.T) {
		n := sim.New(&sim.Config{Live: true})
		t.Cleanup(func() { n.Close() })
		node := func(name string, prefixes ...netip.Prefix) (*sim.Node, *sim.Port) {
			node, err := n.Node(name)
			if err != nil {
				t.Fatal(err)
			}
			port, err := node.AddInterface("eth0", prefixes...)
			if err != nil {
				t.Fatal(err)
			}
			return node, port
		}
		a, pa := node("a", netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fd00::1/64"))
		b, pb := node("b", netip.MustParsePrefix("10.0.0.2/24"), netip.MustParsePrefix("fd00::2/64"))
		if _, err := n.Connect(pa, pb, nil); err != nil {
			t.Fatal(err)
		}
		tb, errB := open("memory", b)
		ta, errA := open("memory", a)
		ask(t, serve(t, ta, errA), serve(t, tb, errB), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::2"))
	})
}
