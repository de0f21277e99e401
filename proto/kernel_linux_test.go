// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/rawip"
)

// rawHost runs a host over raw sockets in a node of a lab, until the test
// ends.
func rawHost(t *testing.T, n *netlab.Node, cfg rawip.Config) *proto.Host {
	t.Helper()
	cfg.NetNS = n.NetNS()
	tr, err := rawip.Open(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return runOver(t, tr)
}

// runOver runs a host over a transport, until the test ends, and closes it.
func runOver(t *testing.T, tr transport.Transport) *proto.Host {
	t.Helper()
	h, err := proto.NewHost(tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func TestTheSameHandlerRunsOverRawSockets(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for name, cfg := range map[string]rawip.Config{"included": {}, "kernel": {Header: rawip.Kernel}} {
		for family, dst := range map[string]netip.Addr{"IPv4": b.Addr4(), "IPv6": b.Addr6()} {
			t.Run(name+" header, "+family, func(t *testing.T) {
				handle(t, rawHost(t, b, cfg), 253, proto.HandlerFunc(replyInPlace))
				h := rawHost(t, a, cfg)
				c := conn(t)(h.Dial(253, dst, nil))
				for _, s := range []string{"", "x", string(noise(1400)), string(noise(3000)), string(noise(64_000))} {
					write(t, c, s)
					if got := read(t, c); got != s {
						t.Errorf("%d bytes came back as %d", len(s), len(got))
					}
				}
				addUpSoon(t, h)
			})
		}
	}
}

func TestEnvDoesOverRawSocketsWhatItDoesInMemory(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	got := &prototest.Recorder{}
	came := make(chan struct{}, 10)
	handle(t, rawHost(t, b, rawip.Config{}), 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		defer func() { came <- struct{}{} }()
		return got.HandlePacket(env, p)
	}))
	x := handle(t, rawHost(t, a, rawip.Config{}), 253, proto.HandlerFunc(echo))
	index := a.Interfaces()[0].Index
	for _, hd := range []proto.Header{
		{Dst: b.Addr4(), TTL: 7, TOS: 0xb8, ID: 99, Frag: proto.FragAllow},
		{Dst: b.Addr6(), TTL: 7, TOS: 0xb8, FlowLabel: 0x12345},
		{Dst: b.Interfaces()[0].LinkLocal, TTL: 7, TOS: 0xb8, IfIndex: index},
	} {
		x.Do(func(env *proto.Env) {
			if err := env.Send(hd, []byte("x")); err != nil {
				t.Fatalf("%v: %v", hd.Dst, err)
			}
		})
		select {
		case <-came:
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing came to %v", hd.Dst)
		}
	}
	ps := got.Packets()
	for i, p := range ps {
		if p.TTL() != 7 || p.TOS() != 0xb8 || p.TimeSource() == 0 || p.IfIndex != int32(b.Interfaces()[0].Index) {
			t.Errorf("packet %d: TTL %d, TOS %#x, time source %d, interface %d", i, p.TTL(), p.TOS(), p.TimeSource(), p.IfIndex)
		}
	}
	if ps[0].ID() != 99 || ps[0].DontFragment() || ps[0].Src() != a.Addr4() {
		t.Errorf("IPv4 header % x", ps[0].Header())
	}
	if ps[1].FlowLabel() != 0x12345 || ps[1].Src() != a.Addr6() || ps[2].Src() != a.Interfaces()[0].LinkLocal.WithZone("") {
		t.Errorf("IPv6 flow label %#x, sources %v and %v", ps[1].FlowLabel(), ps[1].Src(), ps[2].Src())
	}
}

func TestAPathMTUThatTheKernelLearntIsKept(t *testing.T) {
	// The link behind the router is narrower than the first one.
	lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a, b := lab.Node("a"), lab.Node("b")
	got := make(chan uint16, 100)
	handle(t, rawHost(t, b, rawip.Config{}), 253, proto.HandlerFunc(func(_ *proto.Env, p *proto.Packet) error {
		select {
		case got <- p.FragSize:
		default:
		}
		return nil
	}))
	x := handle(t, rawHost(t, a, rawip.Config{}), 253, proto.HandlerFunc(echo))
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		// Packets that carry DF: the router drops the first and says why.
		x.Do(func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: b.Addr4()}, noise(1380)); err != nil {
				t.Fatal(err)
			}
		})
		select {
		case size := <-got:
			if size == 0 || size > 1300 {
				t.Errorf("the largest fragment had %d bytes; the path carries 1300", size)
			}
			x.Do(func(env *proto.Env) {
				var big *transport.TooBigError
				if err := env.Send(proto.Header{Dst: b.Addr4(), Frag: proto.FragNever}, noise(1380)); !errors.As(err, &big) || big.MTU != 1300 {
					t.Errorf("FragNever: %v, want a TooBigError with an MTU of 1300", err)
				}
				if err := env.Send(proto.Header{Dst: b.Addr4(), Frag: proto.FragProbe}, noise(1380)); err != nil {
					t.Errorf("a probe that the first link carries: %v", err)
				}
				if err := env.Send(proto.Header{Dst: b.Addr4(), Frag: proto.FragProbe}, noise(1481)); !errors.As(err, &big) || big.MTU != 1500 {
					t.Errorf("a larger probe: %v, want a TooBigError with an MTU of 1500", err)
				}
			})
			return
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the host does not notice what the kernel has learnt")
		}
	}
}

// TestSocatExchangesPayloadsWithAHandler has a program that knows nothing of
// this project at the other end.
func TestSocatExchangesPayloadsWithAHandler(t *testing.T) {
	netlab.Require(t)
	if _, err := exec.LookPath("socat"); err != nil {
		if os.Getenv("PROTEAN_REQUIRE_NETLAB") != "" {
			t.Fatal(err)
		}
		t.Skip("socat is not installed")
	}
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	var mu sync.Mutex
	var heard []string
	h := rawHost(t, b, rawip.Config{})
	x := handle(t, h, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		mu.Lock()
		heard = append(heard, string(p.Payload()))
		mu.Unlock()
		return echo(env, p)
	}))

	// socat sends, and prints the answer.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, peer := range []string{"IP4-SENDTO:" + b.Addr4().String() + ":253", "IP6-SENDTO:[" + b.Addr6().String() + "]:253"} {
		out, err := a.Run(ctx, "sh", "-c", "echo to "+peer+" | socat -t 1 - "+peer)
		if want := "to " + peer + "\n"; err != nil || string(out) != want {
			t.Errorf("socat %s: %q, %v; want %q", peer, out, err, want)
		}
	}
	mu.Lock()
	if len(heard) != 2 {
		t.Errorf("the handler heard %q", heard)
	}
	mu.Unlock()

	// socat receives what a handler sends.
	w := new(syncBuffer)
	cmd := exec.CommandContext(ctx, "socat", "-u", "IP4-RECV:253", "-")
	cmd.Stdout = w
	if err := a.Start(cmd); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(w.String(), "greetings") {
		if ctx.Err() != nil {
			t.Fatalf("socat received %q", w.String())
		}
		x.Do(func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: a.Addr4()}, []byte("greetings")); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(20 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
}

// syncBuffer is a buffer that is written and read concurrently.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
