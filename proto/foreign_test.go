// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
)

func TestAnyProtocolSeesWhatOthersDoNotTake(t *testing.T) {
	n := prototest.Pair(t, nil)
	rest := new(prototest.Recorder)
	n.B.RegisterWith(t, rest, &proto.Options{AnyProtocol: true, Shared: true})
	own := new(prototest.Recorder)
	own.Binding = n.B.RegisterWith(t, own, &proto.Options{Protocols: []uint8{77, 253}, Shared: true})
	if _, err := n.B.Handle(99, proto.HandlerFunc(echo)); !errors.Is(err, proto.ErrProtocolInUse) {
		t.Errorf("an exclusive handler beside one for all: %v, want ErrProtocolInUse", err)
	}
	for _, p := range []uint8{253, 99, 1} {
		n.A.Send(t, p, n.B.Addr4, []byte{p})
	}
	n.Run(t, time.Second)
	// The one for all came first, so it was asked first.
	rest.Want(t, "\xfd", "\x63", "\x01")
	own.Want(t)
	addsUp(t, n.B.Host)
}

func TestForeignPacketsComeOnlyWhenAskedFor(t *testing.T) {
	n := prototest.Pair(t, nil)
	other := netip.MustParseAddr("10.0.0.77")
	send := func(s string) {
		t.Helper()
		n.A.Send(t, 253, other, []byte(s))
		n.Run(t, time.Second)
	}
	r := n.B.Record(t, 253)
	send("unasked")
	f := new(prototest.Recorder)
	b, err := n.B.HandleWith(f, &proto.Options{Protocols: []uint8{253}, Observe: true, Foreign: true})
	if err != nil {
		t.Fatal(err)
	}
	send("asked")
	b.Close()
	send("no more")
	f.Want(t, "asked")
	r.Want(t)
	if s := addsUp(t, n.B.Host); s.Observed != 0 || s.Dropped[transport.NotLocal] != 1 {
		t.Errorf("observed %d, not local %d; want 0 and 1", s.Observed, s.Dropped[transport.NotLocal])
	}
}

func TestReplyToAForeignPacketIsFromAnOwnAddress(t *testing.T) {
	n := prototest.Pair(t, nil)
	n.B.RegisterWith(t, proto.HandlerFunc(replyInPlace), &proto.Options{Protocols: []uint8{253}, Foreign: true})
	r := n.A.Record(t, 253)
	n.A.Send(t, 253, netip.MustParseAddr("10.0.0.77"), []byte("x"))
	n.A.Send(t, 253, n.B.Addr4, []byte("y"))
	n.Run(t, time.Second)
	r.Want(t, "x", "y")
	for _, p := range r.Packets() {
		if p.Src() != n.B.Addr4 {
			t.Errorf("reply from %v, want %v", p.Src(), n.B.Addr4)
		}
	}
}

func TestWhatATransportCannotDoIsATypedError(t *testing.T) {
	h, _ := blockHost(t, nil)
	var unsupported *transport.UnsupportedError
	if _, err := h.HandleWith(proto.HandlerFunc(echo), &proto.Options{Protocols: []uint8{253}, Foreign: true}); !errors.As(err, &unsupported) {
		t.Errorf("Foreign: %v, want an UnsupportedError", err)
	}
	b, err := h.Handle(253, proto.HandlerFunc(echo)) // the failed one left nothing behind
	if err != nil {
		t.Fatal(err)
	}
	group := netip.MustParseAddr("224.0.0.5")
	b.Do(func(env *proto.Env) {
		_, route := env.Route(group, 1)
		for name, err := range map[string]error{
			"Join":    env.Join(1, group),
			"Leave":   env.Leave(1, group),
			"Claim":   env.Claim(1, group, nil),
			"Unclaim": env.Unclaim(1, group),
			"Route":   route,
		} {
			if !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &unsupported) || unsupported.Transport != "block" {
				t.Errorf("%s: %v, want an UnsupportedError of block", name, err)
			}
		}
	})
}

func TestMembershipsEndWithTheirBinding(t *testing.T) {
	n := prototest.Pair(t, nil)
	group := netip.MustParseAddr("224.0.0.77")
	index := func(p *prototest.Peer) int {
		for _, i := range p.T.Interfaces() {
			if i.Name == "eth0" {
				return i.Index
			}
		}
		return 0
	}
	r := n.B.Record(t, 253)
	member, err := n.B.Handle(77, &script{start: func(env *proto.Env) error { return env.Join(index(n.B), group) }})
	if err != nil {
		t.Fatal(err)
	}
	a := n.A.Record(t, 253).Binding
	send := func(s string) {
		a.Do(func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: group, IfIndex: index(n.A)}, []byte(s)); err != nil {
				t.Error(err)
			}
		})
		n.Run(t, time.Second)
	}
	send("joined")
	if ttl := r.Packets()[0].TTL(); ttl != 1 {
		t.Errorf("multicast with TTL %d, want 1", ttl)
	}
	member.Close()
	send("left")
	r.Want(t, "joined")
}
