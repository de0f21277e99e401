// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport/sim"
)

// fatal is a testing.TB whose Fatal can be looked at.
type fatal struct {
	testing.TB
	said string
}

func (f *fatal) Fatal(a ...any) {
	f.said = fmt.Sprint(a...)
	panic(f)
}

// said returns what f gives to Fatal.
func said(t *testing.T, f func(tb testing.TB)) (text string) {
	t.Helper()
	tb := &fatal{TB: t}
	defer func() {
		if v := recover(); v != nil && v != tb {
			panic(v)
		}
		text = tb.said
	}()
	f(tb)
	return ""
}

func TestTopologiesReachEverywhere(t *testing.T) {
	for _, text := range []string{
		"a - b",
		"a - r1 - b; r1 - c [delay 10ms, loss 0%]",
		"a - r1 - r2 - r3 - b; c - r2",
		"a - s1 - b; s1 - c\ns1 - r1 # a lan\n r1 - s2 - d; s2 - e",
		"a - s1 - s2 - b; s2 - s3 - c; r1 - s1; r1 - d",
		"s1 - a; s2 - b; s1 - s2", // two lans that become one
		"a - gw:router - b; gw - lan:switch - c; lan - r9:host",
		"a - r1 - r2 - b; r1 - r3 - r4 - r2; r3 - c", // several ways
	} {
		n := prototest.Topology(t, text, &prototest.Config{Link: sim.LinkConfig{Delay: time.Millisecond}})
		heard := map[string]*prototest.Recorder{}
		for _, h := range n.Hosts {
			heard[h.Node.Name()] = h.Record(t, 253)
		}
		for _, from := range n.Hosts {
			for _, to := range n.Hosts {
				if from == to {
					continue
				}
				r := heard[to.Node.Name()]
				from.Send(t, 253, to.Addr4, []byte("four"))
				r.Next(t, time.Second, prototest.Payload("four"), prototest.From(from.Addr4), prototest.To(to.Addr4))
				from.Send(t, 253, to.Addr6, []byte("six"))
				r.Next(t, time.Second, prototest.Payload("six"), prototest.From(from.Addr6))
			}
		}
		for name, r := range heard {
			r.Nothing(t, time.Second)
			if want := 2 * (len(n.Hosts) - 1); len(r.Packets()) != want {
				t.Errorf("%s: %s got %d packets, want %d", text, name, len(r.Packets()), want)
			}
		}
	}
}

func TestATopologyIsLaidOutAsItsTextSays(t *testing.T) {
	n := prototest.Topology(t, "a - r1 [delay 10ms]; r1 - b [mtu 1000, delay 20ms]", nil)
	a, b := n.Host("a"), n.Host("b")
	if a.Addr4.String() != "10.0.0.1" || a.Addr6.String() != "fd00::1" || b.Addr4.String() != "10.0.1.2" || b.Addr6.IsValid() {
		t.Errorf("addresses %v %v %v %v", a.Addr4, a.Addr6, b.Addr4, b.Addr6)
	}
	r := b.Record(t, 253)
	a.Send(t, 253, b.Addr4, []byte("x"))
	r.Next(t, time.Second, prototest.At(30*time.Millisecond), prototest.TTL(63))
	if n.LinkOf("b", "r1") != n.Links[1].Link || n.LinkOf("a", "r1") != n.Links[0].Link {
		t.Error("links are not found by their ends")
	}
}

func TestTopologiesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "there is no node"},
		{" ; # only this\n", "there is no node"},
		{"a b", `want " - " between two nodes, not "b"`},
		{"a -", "a node is missing"},
		{"a - - b", `want " - " between two nodes, not "b"`},
		{"a-b - c - d; a - a", "a is connected to itself"},
		{"a - b [delay 10ms", "the bracket has no end"},
		{"a [delay 10ms]", "there is no link to set anything of"},
		{"a - b [delay]", `setting "delay": want a name and a value`},
		{"a - b [delay ten]", `setting delay: "ten" is no value for it`},
		{"a - b [loss much]", `setting loss: "much" is no value for it`},
		{"a - b [rate 10T]", `setting rate: "10T" is no value for it`},
		{"a - b [colour red]", `there is no setting "colour"; there are delay, jitter`},
		{"a:hub - b", `"hub" is neither host nor router nor switch`},
		{"a:router - b; a:switch - c", "a was something else before"},
		{"a - b [loss 150%]", "Loss is not in 0 to 1"},
		{"a - b [mtu 67]", "MTU is less than 68"},
		{"a - b [delay -1s]", "Delay is negative"},
		{"s1 - s2; s2 - s1", "there would be a loop"},
		{"ä - b", "has other characters"},
	} {
		got := said(t, func(tb testing.TB) { prototest.Topology(tb, c.text, nil) })
		if !strings.Contains(got, c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func FuzzTopology(f *testing.F) {
	f.Add("a - r1 - b; r1 - c [delay 10ms, loss 1%]")
	f.Add("s1 - a; s2 - b; s1 - s2\ngw:router - s1 [rate 10M, queue 5, mtu 1400]")
	f.Add("a - b [mtu 100]; b - c; c - a; d")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 300 {
			return
		}
		said(t, func(tb testing.TB) {
			n := prototest.Topology(tb, text, nil)
			for _, h := range n.Hosts {
				h.Record(tb, 253)
			}
			n.Run(tb, time.Second)
		})
	})
}

func TestPlayHasThingsHappenWhenItSaysSo(t *testing.T) {
	n := prototest.Topology(t, "a - r1 - b; r1 - c", &prototest.Config{Link: sim.LinkConfig{Delay: time.Millisecond}})
	n.Play(t, `
		at 1s down r1-b
		at 2s up b-r1
		at 3s partition a b
		at 4s heal
		at 5s crash b
		at 6s restart b
		at 7s address b 10.0.1.77/24
	`)
	a, b := n.Host("a"), n.Host("b")
	heard := map[int]bool{}
	boots := 0
	b.OnBoot(func(p *prototest.Peer) {
		boots++
		if _, err := p.Handle(253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
			heard[int(p.Payload()[0])] = true
			return nil
		})); err != nil {
			t.Error(err)
		}
	})
	for second := range 9 {
		n.Run(t, 500*time.Millisecond)
		dst := b.Addr4
		if second == 8 {
			dst = prefix("10.0.1.77/24").Addr()
		}
		a.Send(t, 253, dst, []byte{byte(second)})
		n.Run(t, 500*time.Millisecond)
	}
	want := map[int]bool{0: true, 2: true, 4: true, 6: true, 8: true}
	if fmt.Sprint(heard) != fmt.Sprint(want) || boots != 2 {
		t.Errorf("heard %v after %d boots, want %v", heard, boots, want)
	}
	for _, c := range []struct{ script, want string }{
		{"at 10s down a-b", `line 1: "at 10s down a-b": there is no link "a-b", but a-r1, r1-b, r1-c`},
		{"at 10s partition a z", `there is no node "z", but a, r1, b, c`},
		{"at 10s crash s1", `there is no node "s1"`},
		{"at 10s address a:eth7 10.0.0.9/24", `a has no interface "eth7"`},
		{"at 10s address a 10.0.0.9", `"10.0.0.9" is no address with the length of its prefix`},
		{"at 1s heal", "is over"},
	} {
		if got := said(t, func(tb testing.TB) { n.Play(tb, c.script) }); !strings.Contains(got, c.want) {
			t.Errorf("%q: %q, want %q", c.script, got, c.want)
		}
	}
}

func TestInABubbleNodesCrashAndAreRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.BubbleTopology(t, "a - r1 - b", &prototest.Config{Link: sim.LinkConfig{Delay: time.Millisecond}})
		n.Play(t, "at 1s crash b\nat 2s restart b")
		a, b := n.Host("a"), n.Host("b")
		b.OnBoot(func(p *prototest.Peer) {
			c, err := p.Listen(253, nil)
			if err != nil {
				t.Error(err)
				return
			}
			go func() {
				buf := make([]byte, 100)
				for {
					k, from, err := c.ReadFrom(buf)
					if err != nil {
						return
					}
					c.WriteTo(buf[:k], from)
				}
			}()
			t.Cleanup(func() { c.Close() })
		})
		c, err := a.Dial(253, b.Addr4, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var answered []bool
		buf := make([]byte, 100)
		for range 3 {
			time.Sleep(500 * time.Millisecond)
			c.SetDeadline(time.Now().Add(500 * time.Millisecond))
			c.Write([]byte("x"))
			_, err := c.Read(buf)
			answered = append(answered, err == nil)
			time.Sleep(time.Until(n.Sim.Now().Truncate(time.Second).Add(time.Second)))
		}
		if fmt.Sprint(answered) != "[true false true]" {
			t.Errorf("answered: %v", answered)
		}
	})
}
