// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/sim"
)

func TestEveryMessageArrivesOnceAndInOrder(t *testing.T) {
	n := prototest.Pair(t, &prototest.Config{Link: sim.LinkConfig{
		Delay: 20 * time.Millisecond, Loss: 0.2, Duplicate: 0.1, Reorder: 0.1,
	}})
	var got, want []string
	a := &End{Peer: n.B.Addr4}
	b := &End{Peer: n.A.Addr4, Deliver: func(_ *proto.Env, msg []byte) { got = append(got, string(msg)) }}
	binding := n.A.Register(t, 253, a)
	n.B.Register(t, 253, b)
	for i := range maxQueue {
		msg := fmt.Sprint("message ", i)
		want = append(want, msg)
		binding.Post(func(env *proto.Env) { a.enqueue(env, []byte(msg)) })
	}
	n.RunUntil(t, time.Minute, func() bool { return a.acked == maxQueue })
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if n.B.Stats().Dropped[transport.Duplicate] == 0 {
		t.Error("nothing was repeated: the test shows nothing")
	}
}

func TestSendGivesUpWhenNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.BubblePair(t, nil)
		a := &End{Peer: n.B.Addr4}
		n.A.Register(t, 253, a)
		start := time.Now()
		err := a.Send(nil, []byte("is there anybody?"))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != maxTries*timeout {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestSendReturnsWhenItIsCancelledClosedOrTooBig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.LivePair(t, nil)
		a := &End{Peer: n.B.Addr4}
		binding := n.A.Register(t, 253, a)
		cancel := make(chan struct{})
		close(cancel)
		if err := a.Send(cancel, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		go func() {
			time.Sleep(timeout / 2)
			binding.Close()
		}()
		if err := a.Send(nil, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		a = &End{Peer: n.B.Addr4}
		n.A.Register(t, 254, a)
		if err := a.Send(nil, make([]byte, 70_000)); !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("too big: %v", err)
		}
	})
}

func TestPacketsThatAreRefusedAreCounted(t *testing.T) {
	n := prototest.Pair(t, nil)
	b := &End{Peer: n.A.Addr4, Deliver: func(*proto.Env, []byte) { t.Error("something was delivered") }}
	n.B.Register(t, 253, b)
	for _, payload := range []string{"", "\x00\x00\xff\xff\x00\x00\x00", "\x02\x00\xfd\xff\x00\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\xff\xfe\x00\x00\x00\x01"} {
		n.A.Send(t, 253, n.B.Addr4, []byte(payload))
	}
	n.A.Send(t, 253, n.B.Addr6, []byte("from somebody else"))
	n.Run(t, time.Second)
	if d := n.B.Stats().Dropped; d[transport.Malformed] != 4 || d[transport.BadChecksum] != 1 || d[transport.Filtered] != 1 {
		t.Errorf("dropped %v", d)
	}
}

// run has an End run over raw sockets in a node of a lab until the test ends.
func run(t *testing.T, node *netlab.Node, e *End) *proto.Host {
	tr, err := rawip.Open(&rawip.Config{NetNS: node.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	h, err := proto.NewHost(tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Handle(253, e); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		tr.Close()
	})
	return h
}

func TestMessagesCrossARouterBetweenKernels(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1)) // a - r1 - b
	a, b := lab.Node("a"), lab.Node("b")
	got := make(chan string, 1)
	sender := &End{Peer: b.Addr4()}
	run(t, b, &End{Peer: a.Addr4(), Deliver: func(_ *proto.Env, msg []byte) { got <- string(msg) }})
	run(t, a, sender)
	if err := sender.Send(nil, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if msg := <-got; msg != "hello" {
		t.Errorf("got %q", msg)
	}
}

func TestAConnIsEnoughForSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.LivePair(t, &prototest.Config{Link: sim.LinkConfig{Delay: 25 * time.Millisecond}})
		n.B.Register(t, 253, proto.HandlerFunc(echo))
		c, err := n.A.Dial(253, n.B.Addr4, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		c.SetDeadline(start.Add(time.Second))
		fmt.Fprint(c, "ping")
		buf := make([]byte, 1500)
		k, err := c.Read(buf)
		if err != nil || string(buf[:k]) != "ping" || time.Since(start) != 50*time.Millisecond {
			t.Errorf("%q, %v after %v", buf[:k], err, time.Since(start))
		}
	})
}

func FuzzEnd(f *testing.F) {
	f.Add([]byte("\x00\x00\xe3\xe3hello"))             // a wrong checksum
	f.Add([]byte("\x00\x00\xff\xff\x00\x00\x00\x00"))  // an empty message
	f.Add([]byte("\x01\x00\xfe\xff\x00\x00\x00\x00"))  // an ACK that nobody waits for
	f.Add([]byte(strings.Repeat("\x00", headerLen-1))) // too short
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 1400 {
			return
		}
		n := prototest.Pair(t, nil)
		n.B.Register(t, 253, &End{Peer: n.A.Addr4, Deliver: func(*proto.Env, []byte) {}})
		n.A.Send(t, 253, n.B.Addr4, payload)
		n.Run(t, time.Second)
		s := n.B.Stats()
		if s.Received != s.Taken+s.Dropped.Total() || s.Panics != 0 || s.Dropped[transport.HandlerError] != 0 {
			t.Errorf("%+v", s)
		}
	})
}
