// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
)

// BenchmarkDispatch is validation, metadata, dispatch and the handler's call,
// per packet of a block in memory.
func BenchmarkDispatch(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("handlers=%d", n), func(b *testing.B) {
			var protocols []uint8
			for p := 1; p <= min(n, 255); p++ {
				protocols = append(protocols, uint8(p))
			}
			h, q := blockHost(b, nil, protocols...)
			count := 0
			for i := range n { // the 256th shares a protocol with the first
				o := &proto.Options{Protocols: []uint8{protocols[i%len(protocols)]}, Shared: n > 255}
				if _, err := h.HandleWith(proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { count++; return nil }), o); err != nil {
					b.Fatal(err)
				}
			}
			perPacket(b, h, q)
		})
	}
}

// BenchmarkReply adds an answer to each packet.
func BenchmarkReply(b *testing.B) {
	h, q := blockHost(b, nil)
	if _, err := h.Handle(253, proto.HandlerFunc(replyInPlace)); err != nil {
		b.Fatal(err)
	}
	perPacket(b, h, q)
}

func perPacket(b *testing.B, h *proto.Host, q *blockQueue) {
	now := time.Now()
	b.ReportAllocs()
	q.limit = b.N
	b.ResetTimer()
	for q.limit > 0 {
		if _, err := h.Poll(now); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if s := h.Stats(); s.Taken != uint64(b.N) {
		b.Fatalf("took %d of %d", s.Taken, b.N)
	}
}

// BenchmarkSteppedEcho is one packet and the reply to it between two hosts of
// a stepped network: two packets and two hosts' passes per operation.
func BenchmarkSteppedEcho(b *testing.B) {
	for _, window := range []int{1, 32} {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			cfg := &prototest.Config{}
			cfg.Link.Delay = time.Microsecond
			n := prototest.Pair(b, cfg)
			n.B.Register(b, 253, proto.HandlerFunc(replyInPlace))
			left := 0
			a := n.A.Register(b, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
				if left--; left < window {
					return nil
				}
				return replyInPlace(env, p)
			}))
			b.ReportAllocs()
			left = b.N + window
			payload := make([]byte, 40)
			b.ResetTimer()
			a.Do(func(env *proto.Env) {
				for range window {
					if err := env.Send(proto.Header{Dst: n.B.Addr4}, payload); err != nil {
						b.Fatal(err)
					}
				}
			})
			if err := n.Sim.RunUntil(func() bool { return left <= window }, time.Hour); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}

func BenchmarkTimerReset(b *testing.B) {
	h, _ := blockHost(b, nil)
	x, err := h.Handle(253, proto.HandlerFunc(echo))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	x.Do(func(env *proto.Env) {
		var ts []*proto.Timer
		for range 1000 {
			ts = append(ts, env.NewTimer(func(*proto.Env) {}))
		}
		for i := 0; b.Loop(); i++ {
			ts[i%1000].Reset(time.Duration(i*7919%1000) * time.Millisecond)
		}
	})
}

func BenchmarkConnWriteTo(b *testing.B) {
	h, _ := blockHost(b, nil)
	c, err := h.Dial(253, netip.MustParseAddr("10.0.0.1"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 40)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
}
