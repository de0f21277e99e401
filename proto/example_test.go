// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	"protean/proto"
	"protean/transport"
	"protean/transport/rawip"
	"protean/transport/sim"
)

// The smallest protocol: whoever sends a packet of IP protocol 253 gets its
// payload back. It runs over raw sockets, so it needs CAP_NET_RAW. Try it from
// another host, since on its own it would answer its answers:
//
//	echo hello | socat -t 1 - IP4-SENDTO:192.0.2.1:253
func Example() {
	t, err := rawip.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	h, err := proto.NewHost(t, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := h.Handle(253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		s, err := env.Reply(p, len(p.Payload()))
		if err != nil {
			return err
		}
		copy(s.Payload(), p.Payload())
		return s.Commit()
	})); err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := h.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// network is two nodes of an in-memory network with a link of 10 ms between
// them, and a handle on each.
func network(cfg *sim.Config) (n *sim.Network, a, b *sim.Transport) {
	n = sim.New(cfg)
	var ports [2]*sim.Port
	var handles [2]*sim.Transport
	for i, prefix := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
		node, err := n.Node(string(rune('a' + i)))
		if err != nil {
			log.Fatal(err)
		}
		if ports[i], err = node.AddInterface("eth0", netip.MustParsePrefix(prefix)); err != nil {
			log.Fatal(err)
		}
		if handles[i], err = node.Open(nil); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := n.Connect(ports[0], ports[1], &sim.LinkConfig{Delay: 10 * time.Millisecond}); err != nil {
		log.Fatal(err)
	}
	return n, handles[0], handles[1]
}

// counter is a protocol as a state machine: it needs no locks, since its
// callbacks never run concurrently.
type counter struct {
	heard map[netip.Addr]int
	tick  *proto.Timer
}

// Start arms a timer that greets the peer every second.
func (c *counter) Start(env *proto.Env) error {
	c.heard = map[netip.Addr]int{}
	c.tick = env.After(time.Second, func(env *proto.Env) {
		if err := env.Send(proto.Header{Dst: netip.MustParseAddr("10.0.0.1")}, []byte("hello")); err != nil {
			env.Log().Warn("greet", "error", err)
		}
		c.tick.Reset(time.Second)
	})
	return nil
}

// HandlePacket counts who greets.
func (c *counter) HandlePacket(env *proto.Env, p *proto.Packet) error {
	if string(p.Payload()) != "hello" {
		return transport.Malformed // dropped, and counted as that
	}
	c.heard[p.Src()]++
	return nil
}

// A stepped network runs handlers in virtual time: an hour of greetings passes
// in milliseconds, with the same result each time.
func Example_virtualTime() {
	n, a, b := network(nil)
	defer n.Close()
	listener := &counter{}
	for t, hd := range map[*sim.Transport]proto.Handler{a: listener, b: &counter{}} {
		h, err := proto.NewHost(t, &proto.Config{Seed: 1})
		if err != nil {
			log.Fatal(err)
		}
		if err := n.Attach(t, h); err != nil {
			log.Fatal(err)
		}
		if _, err := h.Handle(253, hd); err != nil {
			log.Fatal(err)
		}
	}
	if err := n.Run(time.Hour); err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.heard[netip.MustParseAddr("10.0.0.2")], "greetings in an hour")
	// Output: 3599 greetings in an hour
}

// Dial and Listen give the protocol to code that wants a net.Conn and a
// net.PacketConn.
func ExampleHost_Dial() {
	n, a, b := network(&sim.Config{Live: true})
	defer n.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	var hosts []*proto.Host
	for _, t := range []*sim.Transport{a, b} {
		h, err := proto.NewHost(t, nil)
		if err != nil {
			log.Fatal(err)
		}
		hosts = append(hosts, h)
		go func() { done <- h.Run(ctx) }()
	}
	server, err := hosts[1].Listen(253, nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := hosts[0].Dial(253, netip.MustParseAddr("10.0.0.2"), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := fmt.Fprint(client, "over protocol 253"); err != nil {
		log.Fatal(err)
	}
	buf := make([]byte, 1500)
	k, from, err := server.ReadFrom(buf)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, from %v\n", buf[:k], from)
	client.Close()
	server.Close()
	cancel()
	<-done
	<-done
	// Output: over protocol 253, from 10.0.0.1
}

// Do calls into a protocol from outside: the function runs on the loop, where
// the handler's state may be looked at and packets sent.
func ExampleBinding_Do() {
	n, a, b := network(nil)
	defer n.Close()
	c := &counter{}
	var bindings []*proto.Binding
	for _, t := range []*sim.Transport{a, b} {
		h, err := proto.NewHost(t, nil)
		if err != nil {
			log.Fatal(err)
		}
		if err := n.Attach(t, h); err != nil {
			log.Fatal(err)
		}
		binding, err := h.Handle(253, c)
		if err != nil {
			log.Fatal(err)
		}
		bindings = append(bindings, binding)
		c = &counter{}
	}
	err := bindings[0].Do(func(env *proto.Env) {
		if err := env.Send(proto.Header{Dst: netip.MustParseAddr("10.0.0.2"), TTL: 255}, []byte("hello")); err != nil {
			log.Fatal(err)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := n.Run(100 * time.Millisecond); err != nil {
		log.Fatal(err)
	}
	fmt.Println(bindings[1].Stats().Taken, "packet taken")
	// Output: 1 packet taken
}
