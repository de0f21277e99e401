// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"testing"
	"time"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/sim"
)

func TestRoutersForwardAndCountHops(t *testing.T) {
	const routers = 3
	c := newChain(t, nil, nil, routers, nil)
	check(t, send(t, c.ta, ip4(c.src4(), c.dst4(), 100)))
	check(t, send(t, c.ta, ip6(c.src6(), c.dst6(), 100)))
	start := c.n.Now()
	check(t, c.n.Run(time.Second))
	got := packets(receive(t, c.tb))
	if len(got) != 2 {
		t.Fatalf("%d packets arrived", len(got))
	}
	for _, g := range got {
		if g.pk.TTL() != 64-routers || g.at.Sub(start) != (routers+1)*time.Millisecond {
			t.Errorf("TTL %d after %v", g.pk.TTL(), g.at.Sub(start))
		}
	}
	for _, r := range c.routers {
		if s := r.Stats(); s.Forwarded != 2 || s.Received != 2 || s.Dropped.Total() != 0 {
			t.Errorf("%s: %+v", r.Name(), s)
		}
	}
}

func TestEveryHopOfAChainTellsThatTheTTLEnded(t *testing.T) {
	const routers = 3
	for _, v6 := range []bool{false, true} {
		c := newChain(t, nil, nil, routers, nil)
		for ttl := 1; ttl <= routers; ttl++ {
			b, src, hop := ip4(c.src4(), c.dst4(), 100), c.src4(), seg4(ttl, 2).Addr()
			if v6 {
				b, src, hop = ip6(c.src6(), c.dst6(), 100), c.src6(), seg6(ttl, 2).Addr()
				b[7] = byte(ttl)
			} else {
				b[8] = byte(ttl)
			}
			check(t, send(t, c.ta, b))
			check(t, c.n.Run(time.Second))
			got := packets(receive(t, c.ta))
			if len(got) != 1 || got[0].pk.Src() != hop || got[0].pk.Dst() != src {
				t.Fatalf("TTL %d: %v", ttl, got)
			}
			if v6 {
				m, bad := wire.ParseICMPv6(got[0].pk.Payload(), hop, src)
				if bad != wire.NotMalformed || m.Type() != wire.ICMPv6TimeExceeded || m.Code() != 0 || len(m.Quoted()) != 100 {
					t.Errorf("TTL %d: %v %x", ttl, bad, m)
				}
			} else {
				m, bad := wire.ParseICMPv4(got[0].pk.Payload())
				if bad != wire.NotMalformed || m.Type() != wire.ICMPv4TimeExceeded || m.Code() != 0 || len(m.Quoted()) != 100 {
					t.Errorf("TTL %d: %v %x", ttl, bad, m)
				}
			}
		}
		if n := len(packets(receive(t, c.tb))); n != 0 {
			t.Errorf("%d packets arrived", n)
		}
	}
}

func TestASwitchIsOneLink(t *testing.T) {
	n := sim.New(nil)
	defer n.Close()
	sw, err := n.Switch("sw")
	check(t, err)
	other, err := n.Switch("sw2")
	check(t, err)
	_, err = sw.Join(other, nil)
	check(t, err)
	var hs []*sim.Transport
	for i, s := range []*sim.Switch{sw, sw, other, other} {
		nd := mustNode(t)(n.Node(string(rune('a' + i))))
		p := mustPort(t)(nd.AddInterface("eth0", seg4(1, i+1), seg6(1, i+1)))
		_, err := s.Connect(p, &sim.LinkConfig{Delay: time.Millisecond})
		check(t, err)
		hs = append(hs, open(t, nd, nil))
	}
	counts := func() (c [4]int) {
		check(t, n.Run(time.Second))
		for i, h := range hs {
			c[i] = len(packets(receive(t, h)))
		}
		return c
	}
	a := seg4(1, 1).Addr()
	for _, test := range []struct {
		name, dst string
		want      [4]int
	}{
		{"a neighbour on the same switch", "10.77.1.2", [4]int{0, 1, 0, 0}},
		{"a neighbour on the other switch", "10.77.1.4", [4]int{0, 0, 0, 1}},
		{"the broadcast address", "10.77.1.255", [4]int{0, 1, 1, 1}},
		{"everybody", "255.255.255.255", [4]int{0, 1, 1, 1}},
		{"all hosts", "224.0.0.1", [4]int{0, 1, 1, 1}},
		{"nobody", "10.77.1.77", [4]int{}},
	} {
		check(t, send(t, hs[0], ip4(a, addr(test.dst), 60)))
		if got := counts(); got != test.want {
			t.Errorf("to %s: %v, want %v", test.name, got, test.want)
		}
	}
	check(t, hs[2].Claim(2, addr("10.77.1.77"), nil))
	check(t, send(t, hs[0], ip4(a, addr("10.77.1.77"), 60)))
	if got := counts(); got != [4]int{0, 0, 1, 0} {
		t.Errorf("to a claimed address: %v", got)
	}
	check(t, hs[2].Unclaim(2, addr("10.77.1.77")))
	check(t, hs[1].ReceiveForeign(true))
	check(t, send(t, hs[0], ip4(a, addr("10.77.1.77"), 60)))
	if got := counts(); got != [4]int{0, 1, 0, 0} {
		t.Errorf("to nobody, with a foreign receiver: %v", got)
	}
	if _, err := sw.Join(other, nil); err == nil {
		t.Error("a loop of switches is accepted")
	}
	var pt transport.PacketType
	check(t, hs[1].ReceiveForeign(false))
	check(t, send(t, hs[0], ip4(a, addr("10.77.1.255"), 60)))
	check(t, n.Run(time.Second))
	pt = packets(receive(t, hs[3]))[0].pk.Type()
	if pt != transport.PacketBroadcast {
		t.Errorf("type %d", pt)
	}
}
