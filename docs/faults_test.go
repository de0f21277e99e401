// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/transport"
	"protean/transport/impair"
	"protean/transport/sim"
)

// impaired returns a host over a transport that loses, copies and delays.
func impaired(raw transport.Transport, out, in impair.Pipeline) (*proto.Host, transport.Transport, error) {
	d, err := impair.New(raw, &impair.Config{Seed: 1, Out: out, In: in})
	if err != nil {
		return nil, nil, err
	}
	h, err := proto.NewHost(d, nil)
	return h, d, err
}

func TestAProtocolRunsOverAnImpairedTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sim.New(&sim.Config{Live: true})
		defer n.Close()
		var ports [2]*sim.Port
		var handles [2]*sim.Transport
		addrs := [2]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		for i, name := range []string{"a", "b"} {
			nd, err := n.Node(name)
			ok(err)
			ports[i], err = nd.AddInterface("eth0", netip.PrefixFrom(addrs[i], 24))
			ok(err)
			handles[i], err = nd.Open(nil)
			ok(err)
		}
		_, err := n.Connect(ports[0], ports[1], nil)
		ok(err)
		out, err := impair.Parse("loss 20% duplicate 20% delay 5ms")
		ok(err)
		in, err := impair.Parse("gemodel 5% 40% reorder 10% distance 1 delay 5ms")
		ok(err)
		a, d, err := impaired(handles[0], out, in)
		ok(err)
		b, err := proto.NewHost(handles[1], nil)
		ok(err)
		var mu sync.Mutex
		var got []string
		ea, eb := &End{Peer: addrs[1]}, &End{Peer: addrs[0], Deliver: func(_ *proto.Env, msg []byte) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, string(msg))
		}}
		_, err = a.Handle(253, ea)
		ok(err)
		_, err = b.Handle(253, eb)
		ok(err)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for _, h := range []*proto.Host{a, b} {
			running.Go(func() { ok(h.Run(ctx)) })
		}
		start := time.Now()
		var want []string
		for i := range 50 {
			msg := fmt.Sprintf("message %d", i)
			ok(ea.Send(nil, []byte(msg)))
			want = append(want, msg)
		}
		if took := time.Since(start); took < 50*10*time.Millisecond {
			t.Errorf("50 round trips of 10 ms took %v", took)
		}
		cancel()
		running.Wait()
		if !slices.Equal(got, want) {
			t.Errorf("b got %q", got)
		}
		it, _ := transport.As[*impair.Transport](d)
		if c := it.Counts(); c.Out.Lost == 0 || c.Out.Duplicated == 0 || c.In.Lost == 0 || c.In.Reordered == 0 {
			t.Errorf("%+v", c)
		}
		ok(d.Close())
	})
}
