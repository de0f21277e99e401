// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport/sim"
)

// A busy is a protocol that does everything at once: it answers, has timers
// that are due when packets arrive, and a Runner that waits for them.
type busy struct {
	got   int
	ticks int
	peer  func() proto.Header
}

func (b *busy) Start(env *proto.Env) error {
	var tick func(*proto.Env)
	tick = func(env *proto.Env) {
		b.ticks++
		env.Send(b.peer(), fmt.Appendf(nil, "tick %d", b.ticks))
		env.Notify()
		env.After(time.Millisecond, tick)
	}
	env.After(time.Millisecond, tick)
	return nil
}

func (b *busy) HandlePacket(env *proto.Env, p *proto.Packet) error {
	b.got++
	env.Notify()
	if p.Payload()[0] == 't' {
		return env.Send(b.peer(), fmt.Appendf(nil, "answer %d to %s", b.got, p.Payload()))
	}
	return nil
}

func (b *busy) Run(ctx context.Context, bd *proto.Binding) error {
	for i := 1; ; i++ {
		if err := bd.Await(ctx.Done(), func(*proto.Env) bool { return b.got+b.ticks >= 3*i }); err != nil {
			return err
		}
		bd.Do(func(env *proto.Env) { env.Send(b.peer(), fmt.Appendf(nil, "run %d", i)) })
	}
}

// busyHash has two hosts with such a protocol, and with two Conns that time out
// all the time, and returns a hash of all that happened.
func busyHash(t *testing.T) (sum uint64, events int) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.BubblePair(t, &prototest.Config{Link: sim.LinkConfig{
			Delay: time.Millisecond, Loss: 0.05, Duplicate: 0.05, Reorder: 0.1, ReorderDelay: 2 * time.Millisecond,
		}})
		trace := prototest.Capture(n.Sim)
		n.A.Register(t, 253, &busy{peer: func() proto.Header { return proto.Header{Dst: n.B.Addr4} }})
		n.B.Register(t, 253, &busy{peer: func() proto.Header { return proto.Header{Dst: n.A.Addr6} }})
		var wg sync.WaitGroup
		for i, p := range []*prototest.Peer{n.A, n.B} {
			c, err := p.Dial(100, []*prototest.Peer{n.B, n.A}[i].Addr4, nil)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				defer c.Close()
				buf := make([]byte, 100)
				for j := range 200 {
					c.SetReadDeadline(time.Now().Add(3 * time.Millisecond))
					fmt.Fprintf(c, "conn %d", j)
					c.Read(buf)
				}
			})
		}
		wg.Wait()
		sum, events = trace.Sum(), len(trace.Events())
	})
	return sum, events
}

func TestABubbleGivesOneTraceWhateverIsDueAtTheSameInstant(t *testing.T) {
	want, n := busyHash(t)
	if n < 2000 {
		t.Fatalf("only %d events", n)
	}
	for range 20 {
		if got, _ := busyHash(t); got != want {
			t.Fatalf("trace hash %x, then %x", want, got)
		}
	}
}
