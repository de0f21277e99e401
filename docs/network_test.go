// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport/sim"
)

// What follows is the code of testing.md that is about whole networks.

func TestMessagesGetThroughATroubledNetwork(t *testing.T) {
	n := prototest.Topology(t, "a - r1 - b; r1 - c [delay 10ms, loss 1%]", &prototest.Config{
		Link: sim.LinkConfig{Delay: 2 * time.Millisecond},
	})
	n.Play(t, `
		at 100ms partition a c
		at 900ms heal
		at 1s    down r1-c
		at 2s    up r1-c
	`)
	a, c := n.Host("a"), n.Host("c")
	var got []string
	end := &End{Peer: c.Addr4}
	c.Register(t, 253, &End{Peer: a.Addr4, Deliver: func(_ *proto.Env, msg []byte) { got = append(got, string(msg)) }})
	binding := a.Register(t, 253, end)
	for i := range 20 {
		n.Run(t, 100*time.Millisecond)
		binding.Post(func(env *proto.Env) { end.enqueue(env, fmt.Append(nil, i)) })
	}
	n.RunUntil(t, time.Minute, func() bool { return len(got) == 20 })
}

func TestAnEndAcknowledgesEveryCopy(t *testing.T) {
	n := prototest.Pair(t, &prototest.Config{Link: sim.LinkConfig{Delay: 5 * time.Millisecond}})
	n.B.Register(t, 253, &End{Peer: n.A.Addr4, Deliver: func(*proto.Env, []byte) {}})
	wire := n.A.Record(t, 253)
	message := []byte("\x00\x00\xff\xff\x00\x00\x00\x00") // empty, number 0
	n.A.Send(t, 253, n.B.Addr4, message)
	wire.Next(t, time.Second, prototest.Payload("\x01\x00\xfe\xff\x00\x00\x00\x00"), prototest.At(10*time.Millisecond))
	wire.Nothing(t, time.Second)
	n.A.Send(t, 253, n.B.Addr4, message)
	wire.Next(t, time.Second, prototest.From(n.B.Addr4), prototest.TTL(64))
}

func TestTheWireIsAsItWas(t *testing.T) {
	n := prototest.Pair(t, &prototest.Config{Link: sim.LinkConfig{Delay: 50 * time.Millisecond, Loss: 0.3}})
	trace := prototest.Capture(n.Sim)
	end := &End{Peer: n.B.Addr4}
	n.B.Register(t, 253, &End{Peer: n.A.Addr4, Deliver: func(*proto.Env, []byte) {}})
	binding := n.A.Register(t, 253, end)
	binding.Post(func(env *proto.Env) { end.enqueue(env, []byte("hello")) })
	n.RunUntil(t, time.Minute, func() bool { return end.acked == 1 })
	trace.Golden(t, "testdata/hello.trace")
}

func TestNoSeedMakesItFail(t *testing.T) {
	prototest.Seeds(t, &prototest.Search{Seeds: 200}, func(tb testing.TB, cfg *prototest.Config) {
		cfg.Link = sim.LinkConfig{Delay: 20 * time.Millisecond, Loss: 0.1, Duplicate: 0.1, Reorder: 0.2}
		n := prototest.Pair(tb, cfg)
		var got []string
		end := &End{Peer: n.B.Addr4}
		n.B.Register(tb, 253, &End{Peer: n.A.Addr4, Deliver: func(_ *proto.Env, msg []byte) { got = append(got, string(msg)) }})
		binding := n.A.Register(tb, 253, end)
		for _, msg := range []string{"one", "two", "three"} {
			binding.Post(func(env *proto.Env) { end.enqueue(env, []byte(msg)) })
		}
		n.RunUntil(tb, time.Minute, func() bool { return end.acked == 3 })
		if !slices.Equal(got, []string{"one", "two", "three"}) {
			tb.Errorf("got %q", got)
		}
	})
}

func TestEveryRunIsTheSame(t *testing.T) {
	prototest.Same(t, &prototest.Sameness{Runs: 4})
	prototest.Bubble(t, func(t *testing.T) {
		n := prototest.BubbleTopology(t, "a - r1 - b", &prototest.Config{Link: sim.LinkConfig{
			Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.1,
		}})
		a, b := n.Host("a"), n.Host("b")
		end := &End{Peer: b.Addr4}
		b.Register(t, 253, &End{Peer: a.Addr4, Deliver: func(*proto.Env, []byte) {}})
		a.Register(t, 253, end)
		for i := range 10 {
			if err := end.Send(nil, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
