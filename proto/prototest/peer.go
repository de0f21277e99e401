// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"protean/proto"
	"protean/transport/sim"
)

// A Peer is one host of a Net. If its node is crashed and restarted, it has a
// new Host and a new T.
type Peer struct {
	*proto.Host
	T            *sim.Transport
	Node         *sim.Node
	Addr4, Addr6 netip.Addr // of its first interface; Addr6 is zero if that has no IPv6

	net      *Net
	index    int
	programs []func(p *Peer)
	runs     []*hostRun
}

// A hostRun is a host that runs, or has run until its node crashed.
type hostRun struct {
	t      *sim.Transport
	cancel context.CancelFunc // nil if it is stepped
	done   chan error
}

// OnBoot calls f now and whenever the node has been restarted: the programs
// of the host, which begin anew. In f, p.Host is the new host.
func (p *Peer) OnBoot(f func(p *Peer)) {
	f(p)
	p.programs = append(p.programs, f)
}

// boot makes the host, has it driven, and begins its programs.
func (p *Peer) boot() error {
	n := p.net
	t, err := p.Node.Open(nil)
	if err != nil {
		return err
	}
	r := &hostRun{t: t}
	p.runs = append(p.runs, r)
	hc := n.cfg.Host
	if hc.OnPanic == nil && !hc.CrashOnPanic {
		hc.OnPanic = p.logPanic()
	}
	hc.Seed = n.Seed*4 + uint64(p.index) + uint64(len(p.runs)-1)<<32
	h, err := proto.NewHost(t, &hc)
	if err != nil {
		return err
	}
	p.T, p.Host = t, h
	if n.driver == stepped {
		err = n.Sim.Attach(t, h)
	} else {
		ctx, cancel := context.WithCancel(context.Background())
		r.cancel, r.done = cancel, make(chan error, 1)
		go func() { r.done <- h.Run(ctx) }()
	}
	for _, f := range p.programs {
		f(p)
	}
	return err
}

// logPanic returns what logs the first panic of a handler: a test that fails is
// to show it, though it is no failure by itself.
func (p *Peer) logPanic() func(*proto.Panic) {
	logged := false
	return func(e *proto.Panic) {
		if !logged {
			logged = true
			p.net.tb.Logf("a handler of host %s panicked: %v\n%s", p.Node.Name(), e.Value, e.Stack)
		}
	}
}

// stop ends all hosts.
func (n *Net) stop() {
	for _, p := range slices.Backward(n.Hosts) {
		for i, r := range slices.Backward(p.runs) {
			if r.cancel != nil {
				r.cancel()
				crashed := i < len(p.runs)-1 || p.Node.Crashed()
				if err := <-r.done; err != nil && !(crashed && errors.Is(err, net.ErrClosed)) {
					n.tb.Errorf("Host.Run of %s: %v", p.Node.Name(), err)
				}
			}
			if err := r.t.Close(); err != nil {
				n.tb.Error(err)
			}
		}
	}
}

// Register is Host.Handle with failure ending the test; the binding is closed
// with the test.
func (p *Peer) Register(tb testing.TB, protocol uint8, h proto.Handler) *proto.Binding {
	tb.Helper()
	return p.RegisterWith(tb, h, &proto.Options{Protocols: []uint8{protocol}})
}

// RegisterWith is Host.HandleWith with failure ending the test; the binding is
// closed with the test.
func (p *Peer) RegisterWith(tb testing.TB, h proto.Handler, o *proto.Options) *proto.Binding {
	tb.Helper()
	b, err := p.HandleWith(h, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

// Record registers a handler for a protocol that keeps a copy of every packet.
func (p *Peer) Record(tb testing.TB, protocol uint8) *Recorder {
	tb.Helper()
	r := &Recorder{net: p.net, name: p.Node.Name()}
	r.Binding = p.Register(tb, protocol, r)
	return r
}

// Send sends one packet through a binding made for it, unless the host has one
// for the protocol.
func (p *Peer) Send(tb testing.TB, protocol uint8, dst netip.Addr, payload []byte) {
	tb.Helper()
	i := slices.IndexFunc(p.Bindings(), func(b *proto.Binding) bool { return slices.Contains(b.Protocols(), protocol) })
	if i < 0 {
		p.Record(tb, protocol)
		i = len(p.Bindings()) - 1
	}
	var sendErr error
	err := p.Bindings()[i].Do(func(env *proto.Env) {
		sendErr = env.Send(proto.Header{Dst: dst, Protocol: protocol}, payload)
	})
	if err != nil || sendErr != nil {
		tb.Fatalf("send: %v %v", err, sendErr)
	}
}

// A Recorder is a handler that keeps a copy of every packet. One that
// [Peer.Record] made can wait for packets in the time of its network; the zero
// value waits in real time.
type Recorder struct {
	Binding *proto.Binding

	net    *Net
	name   string // of its node
	looked int    // packets that Next and the like have looked at

	mu      sync.Mutex
	packets []*proto.Packet
	came    chan struct{} // a packet came
}

// HandlePacket keeps a copy of p.
func (r *Recorder) HandlePacket(_ *proto.Env, p *proto.Packet) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets = append(r.packets, p.Clone())
	if r.came != nil {
		select {
		case r.came <- struct{}{}:
		default:
		}
	}
	return nil
}

// Packets returns what came so far.
func (r *Recorder) Packets() []*proto.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.packets)
}

// Want fails the test unless exactly these payloads came, in this order.
func (r *Recorder) Want(tb testing.TB, payloads ...string) {
	tb.Helper()
	var got []string
	for _, p := range r.Packets() {
		got = append(got, string(p.Payload()))
	}
	if !slices.Equal(got, payloads) {
		tb.Errorf("got payloads %q, want %q", got, payloads)
	}
}
