// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport/sim"
)

func echo(env *proto.Env, p *proto.Packet) error {
	s, err := env.Reply(p, len(p.Payload()))
	if err != nil {
		return err
	}
	copy(s.Payload(), p.Payload())
	return s.Commit()
}

func TestInABubbleBlockingCallsAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.BubblePair(t, &prototest.Config{Link: sim.LinkConfig{Delay: 5 * time.Millisecond}})
		n.B.Register(t, 253, proto.HandlerFunc(echo))
		c, err := n.A.Dial(253, n.B.Addr4, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		b := make([]byte, 100)
		for range 10 {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(b); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d != 100*time.Millisecond {
			t.Errorf("10 round trips took %v, want 100ms", d)
		}
		c.SetReadDeadline(time.Now().Add(time.Hour))
		c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err = c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 1100*time.Millisecond {
			t.Errorf("%v after %v, want a timeout after 1.1s", err, time.Since(start))
		}
		c.SetReadDeadline(time.Time{})
		n.B.Send(t, 253, n.A.Addr4, []byte("x"))
		if _, err := c.Read(b); err != nil {
			t.Error(err)
		}
	})
}

func TestInABubbleARoundTripAllocatesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.BubblePair(t, &prototest.Config{Link: sim.LinkConfig{Delay: time.Millisecond}})
		n.B.Register(t, 253, proto.HandlerFunc(echo))
		c, err := n.A.Dial(253, n.B.Addr4, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		b := make([]byte, 40)
		roundTrip := func() {
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(b); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			roundTrip()
		}
		if a := testing.AllocsPerRun(1000, roundTrip); a != 0 {
			t.Errorf("%v allocations", a)
		}
	})
}

// BenchmarkBubbleEcho is one packet, delivered to a handler that sends it back,
// the barriers of the bubble included.
func BenchmarkBubbleEcho(b *testing.B) {
	for _, delay := range []time.Duration{0, time.Millisecond} {
		b.Run("delay="+delay.String(), func(b *testing.B) {
			b.ReportAllocs()
			inBubble(b, func(tb testing.TB) {
				n := prototest.BubblePair(tb, &prototest.Config{Link: sim.LinkConfig{Delay: delay}})
				left, done := b.N, make(chan struct{})
				h := proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
					if left--; left == 0 {
						close(done)
					}
					if left <= 0 {
						return nil
					}
					return echo(env, p)
				})
				n.A.Register(tb, 253, h)
				n.B.Register(tb, 253, h)
				n.A.Send(tb, 253, n.B.Addr4, make([]byte, 40))
				<-done
			})
		})
	}
}

// BenchmarkBubbleConns is one packet, written to a Conn and read from another.
func BenchmarkBubbleConns(b *testing.B) {
	b.ReportAllocs()
	inBubble(b, func(tb testing.TB) {
		n := prototest.BubblePair(tb, &prototest.Config{Link: sim.LinkConfig{Delay: time.Millisecond}})
		pingPong(tb, n, b.N)
	})
}

func pingPong(tb testing.TB, n *prototest.Net, packets int) {
	server, err := n.B.Listen(253, nil)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := n.A.Dial(253, n.B.Addr4, nil)
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			k, addr, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			server.WriteTo(buf[:k], addr)
		}
	}()
	buf := make([]byte, 40)
	for range (packets + 1) / 2 {
		if _, err := c.Write(buf); err != nil {
			tb.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			tb.Fatal(err)
		}
	}
	server.Close()
	c.Close()
	<-done
}

// inBubble calls f in a bubble. What f has to clean up is cleaned up there,
// which the testing package does for tests alone.
func inBubble(tb testing.TB, f func(tb testing.TB)) {
	synctest.Test(&testing.T{}, func(*testing.T) {
		in := &inside{TB: tb}
		defer func() {
			for i := len(in.cleanups) - 1; i >= 0; i-- {
				in.cleanups[i]()
			}
		}()
		f(in)
	})
}

type inside struct {
	testing.TB
	cleanups []func()
}

func (in *inside) Cleanup(f func()) { in.cleanups = append(in.cleanups, f) }
