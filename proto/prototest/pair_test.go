// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
)

func TestMain(m *testing.M) { prototest.Main(m) }

func pong(env *proto.Env, p *proto.Packet) error {
	s, err := env.Reply(p, 4)
	if err != nil {
		return err
	}
	copy(s.Payload(), "Pong")
	return s.Commit()
}

func TestPairExchangesPacketsInVirtualTime(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		cfg := &prototest.Config{}
		cfg.Link.Delay = time.Hour
		n := prototest.Pair(t, cfg)
		n.B.Register(t, 253, proto.HandlerFunc(pong))
		r := n.A.Record(t, 253)
		dst := n.B.Addr4
		if v6 {
			dst = n.B.Addr6
		}
		start := n.Sim.Now()
		n.A.Send(t, 253, dst, []byte("Ping"))
		n.RunUntil(t, 3*time.Hour, func() bool { return len(r.Packets()) > 0 })
		r.Want(t, "Pong")
		if d := n.Sim.Now().Sub(start); d != 2*time.Hour {
			t.Errorf("the answer took %v, want 2h", d)
		}
	}
}

func TestLivePairExchangesPackets(t *testing.T) {
	n := prototest.LivePair(t, nil)
	n.B.Register(t, 253, proto.HandlerFunc(pong))
	c, err := n.A.Dial(253, n.B.Addr4, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("Ping")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	k, err := c.Read(b)
	if err != nil || string(b[:k]) != "Pong" {
		t.Errorf("read %q, %v; want Pong", b[:k], err)
	}
}
