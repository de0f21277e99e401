// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/sim"
)

// The contract: a seed is one trace. A scenario with all that is random is run
// in many processes, and every byte of every packet, its fate and its time are
// compared.

var runs = flag.Int("runs", 4, "`number` of runs of each scenario that must be the same in every run")

const fiveHosts = "a - r1 - b; c - r1 - d; e - r1 [delay 9ms, rate 20M]"

func faulty() *prototest.Config {
	return &prototest.Config{Link: sim.LinkConfig{
		Delay: 3 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.03, Duplicate: 0.03, Reorder: 0.05,
	}}
}

const hardTimes = `
	at 1s partition a b | c d e
	at 2s heal
	at 3s down r1-c
	at 4s up r1-c
	at 5s partition a | b | c
	at 5500ms crash d
	at 6s heal
	at 7s restart d
`

// A gossip tells the others, by turns and at random, what it has heard. It has
// timers and random numbers, and is told what can go wrong.
type gossip struct {
	others []proto.Header
	heard  uint64
	turn   int
}

func (g *gossip) Start(env *proto.Env) error {
	env.After(10*time.Millisecond, g.tell)
	return nil
}

func (g *gossip) tell(env *proto.Env) {
	g.turn++
	b := binary.BigEndian.AppendUint64(nil, g.heard)
	b = append(b, make([]byte, env.Rand().IntN(200))...)
	if err := env.Send(g.others[g.turn%len(g.others)], b); err != nil {
		g.heard += 1000
	}
	env.After(10*time.Millisecond+time.Duration(env.Rand().IntN(3))*time.Millisecond, g.tell)
}

func (g *gossip) HandlePacket(env *proto.Env, p *proto.Packet) error {
	b := p.Payload()
	if len(b) < 8 {
		return transport.Malformed
	}
	g.heard = g.heard*31 + binary.BigEndian.Uint64(b) + 1
	if g.heard%3 == 0 {
		s, err := env.Reply(p, 8)
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint64(s.Payload(), g.heard)
		return s.Commit()
	}
	return nil
}

func (g *gossip) HandleLink(*proto.Env, *transport.Interface) error { g.heard++; return nil }

// gossips has every host gossip with the others, over IPv4 and IPv6 by turns.
func gossips(t *testing.T, n *prototest.Net) {
	n.Play(t, hardTimes)
	for i, h := range n.Hosts {
		var others []proto.Header
		for j, o := range n.Hosts {
			if j != i {
				others = append(others, proto.Header{Dst: o.Addr4}, proto.Header{Dst: o.Addr6})
			}
		}
		h.OnBoot(func(p *prototest.Peer) {
			if _, err := p.Handle(253, &gossip{others: others}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOneSeedIsOneTraceStepped(t *testing.T) {
	prototest.Same(t, &prototest.Sameness{Runs: *runs, Race: *runs >= 100})
	n := prototest.Topology(t, fiveHosts, faulty())
	trace := prototest.Capture(n.Sim)
	gossips(t, n)
	n.Run(t, 8*time.Second)
	worthwhile(t, trace)
}

func TestOneSeedIsOneTraceInABubble(t *testing.T) {
	prototest.Same(t, &prototest.Sameness{Runs: *runs, Race: *runs >= 100})
	prototest.Bubble(t, func(t *testing.T) {
		n := prototest.BubbleTopology(t, fiveHosts, faulty())
		trace := prototest.Capture(n.Sim)
		gossips(t, n)
		for i, h := range n.Hosts { // and Conns beside, which time out
			c, err := h.Dial(100, n.Hosts[(i+1)%len(n.Hosts)].Addr4, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				buf := make([]byte, 100)
				for j := 0; ; j++ {
					if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
						return
					}
					fmt.Fprintf(c, "%s %d", h.Node.Name(), j)
					c.Read(buf)
				}
			}()
		}
		time.Sleep(8 * time.Second)
		worthwhile(t, trace)
	})
}

// worthwhile asks that enough happened for the comparison to show something.
func worthwhile(t *testing.T, trace *prototest.Trace) {
	t.Helper()
	fates := map[sim.Fate]int{}
	for _, e := range trace.Events() {
		fates[e.Fate]++
	}
	for fate, least := range map[sim.Fate]int{
		sim.Sent: 4000, sim.Delivered: 4000, sim.Forwarded: 2000, sim.Lost: 100, sim.Duplicated: 100, sim.Reordered: 200,
		sim.Partitioned: 200, sim.Down: 20,
	} {
		if fates[fate] < least {
			t.Errorf("%d packets %v, too few to compare", fates[fate], fate)
		}
	}
	t.Logf("%d events, sum %016x", len(trace.Events()), trace.Sum())
}

// BenchmarkIdleHour is an hour of 100 hosts whose protocol has a timer every
// second.
func BenchmarkIdleHour(b *testing.B) {
	text := "a0"
	for i := range 99 {
		text += fmt.Sprintf(" - s1; a%d", i+1)
	}
	n := prototest.Topology(b, text+" - s1", nil)
	for _, h := range n.Hosts {
		h.Register(b, 253, &idler{})
	}
	b.ReportAllocs()
	for b.Loop() {
		n.Run(b, time.Hour)
	}
}

type idler struct{ timer *proto.Timer }

func (i *idler) Start(env *proto.Env) error {
	i.timer = env.NewTimer(func(*proto.Env) { i.timer.Reset(time.Second) })
	return i.timer.Reset(time.Second)
}

func (i *idler) HandlePacket(*proto.Env, *proto.Packet) error { return nil }
