// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/impair"
	"protean/transport/sim"
)

// A stopWait is an end of a stop-and-wait protocol: a message is repeated until
// it is acknowledged. Its sequence numbers are modulo some number. With 2, as
// textbooks have it, that is enough on a link that keeps order; on one that
// does not, a late copy is taken for a new message.
type stopWait struct {
	modulus uint32
	peer    proto.Header
	queue   []string
	seq     uint32 // of the first in queue
	want    uint32
	got     []string
	timer   *proto.Timer
}

func (e *stopWait) Start(env *proto.Env) error {
	e.timer = env.NewTimer(e.transmit)
	e.transmit(env)
	return nil
}

func (e *stopWait) transmit(env *proto.Env) {
	if len(e.queue) > 0 {
		e.send(env, 'D', e.seq, e.queue[0])
		e.timer.Reset(50 * time.Millisecond)
	}
}

func (e *stopWait) send(env *proto.Env, kind byte, seq uint32, msg string) {
	b := append(binary.BigEndian.AppendUint32([]byte{kind}, seq%e.modulus), msg...)
	if err := env.Send(e.peer, b); err != nil {
		panic(err)
	}
}

func (e *stopWait) HandlePacket(env *proto.Env, p *proto.Packet) error {
	b := p.Payload()
	seq := binary.BigEndian.Uint32(b[1:])
	switch {
	case b[0] == 'A' && len(e.queue) > 0 && seq == e.seq%e.modulus:
		e.queue, e.seq = e.queue[1:], e.seq+1
		e.timer.Stop()
		e.transmit(env)
	case b[0] == 'D':
		e.send(env, 'A', seq, "")
		if seq != e.want%e.modulus {
			return transport.Duplicate
		}
		e.want++
		e.got = append(e.got, string(b[5:]))
	}
	return nil
}

// transfer is a scenario: every message arrives once, and in order.
func transfer(modulus uint32) prototest.Scenario {
	return func(tb testing.TB, cfg *prototest.Config) {
		cfg.Link = sim.LinkConfig{
			Delay: 10 * time.Millisecond, Loss: 0.05, Duplicate: 0.2, Reorder: 0.3, ReorderDelay: 95 * time.Millisecond,
		}
		n := prototest.Pair(tb, cfg)
		const messages = 8
		a := &stopWait{modulus: modulus, peer: proto.Header{Dst: n.B.Addr4}}
		b := &stopWait{modulus: modulus, peer: proto.Header{Dst: n.A.Addr4}}
		for i := range messages {
			a.queue = append(a.queue, fmt.Sprint(i))
		}
		n.B.Register(tb, 253, b)
		n.A.Register(tb, 253, a)
		n.RunUntil(tb, time.Minute, func() bool { return a.seq == messages })
		if got := strings.Join(b.got, " "); got != "0 1 2 3 4 5 6 7" {
			tb.Errorf("got messages %s", got)
		}
	}
}

func TestAPlantedBugIsFoundAndShrunkToAFewFaults(t *testing.T) {
	bug := transfer(2)
	e := (&prototest.Search{Seeds: 1000}).Find(t, bug)
	if e == nil {
		t.Fatal("no seed fails")
	}
	t.Log(e)
	if len(e.Few) > 4 || len(e.Few) == 0 || len(e.Faults) <= len(e.Few) || !e.Least || !strings.Contains(e.Log, "got messages") {
		t.Errorf("%d of %d faults are left", len(e.Few), len(e.Faults))
	}
	if again := (&prototest.Search{Seeds: int(e.Seed) - 1}).Find(t, bug); e.Seed > 1 && again != nil {
		t.Errorf("seed %d fails, too", again.Seed)
	}
	// Without any of the faults it passes, and with the correct protocol, too.
	if len(e.Few) > 0 {
		prototest.Replay(t, e.Seed, e.Few[1:].String(), bug)
	}
	prototest.Replay(t, e.Seed, e.Few.String(), transfer(1<<31))
	prototest.Replay(t, e.Seed, e.Faults.String(), transfer(1<<31))
}

var seeds = flag.Int("seeds", 500, "`number` of seeds of TestTheCorrectProtocolPassesWithEverySeed")

func TestTheCorrectProtocolPassesWithEverySeed(t *testing.T) {
	prototest.Seeds(t, &prototest.Search{Seeds: *seeds}, transfer(1<<31))
}

func TestASearchFindsFailuresOfAllKinds(t *testing.T) {
	for name, f := range map[string]func(tb testing.TB, lost bool){
		"Errorf": func(tb testing.TB, lost bool) {
			if lost {
				tb.Errorf("lost")
			}
		},
		"FailNow": func(tb testing.TB, lost bool) {
			if lost {
				tb.Log("lost")
				tb.FailNow()
			}
		},
		"panic": func(tb testing.TB, lost bool) {
			if lost {
				panic("lost")
			}
		},
		"Cleanup": func(tb testing.TB, lost bool) {
			tb.Cleanup(func() {
				if lost {
					tb.Fatal("lost")
				}
			})
		},
	} {
		for _, bubble := range []bool{false, true} {
			e := (&prototest.Search{Seeds: 100, Bubble: bubble}).Find(t, func(tb testing.TB, cfg *prototest.Config) {
				cfg.Link.Loss = 0.05
				cfg.Link.Duplicate = 0.5
				var n *prototest.Net
				if bubble {
					n = prototest.BubblePair(tb, cfg)
				} else {
					n = prototest.Pair(tb, cfg)
				}
				r := n.B.Record(tb, 253)
				for range 5 {
					n.A.Send(tb, 253, n.B.Addr4, []byte("x"))
				}
				if bubble {
					time.Sleep(time.Second)
				} else {
					n.Run(tb, time.Second)
				}
				f(tb, len(r.Packets()) < 5)
			})
			if e == nil {
				t.Fatalf("%s: no seed fails", name)
			}
			if len(e.Few) != 1 || e.Few[0].Kind != impair.KindLoss || !strings.Contains(e.Log, "lost") || !strings.Contains(e.Trace, " lost | ") {
				t.Errorf("%s: %v", name, e)
			}
		}
	}
	if e := (&prototest.Search{Seeds: 3}).Find(t, func(tb testing.TB, _ *prototest.Config) { tb.Skip("not here") }); e != nil {
		t.Error(e)
	}
}
