// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/sim"
)

// narrowed is two hosts in memory with a router between them, and a link behind
// it that carries 1300 bytes.
type narrowed struct {
	net  *sim.Network
	a, b *proto.Host
	far  [2]netip.Addr // b's
}

func newNarrowed(t *testing.T, k *sim.KernelConfig) *narrowed {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n := &narrowed{net: sim.New(&sim.Config{Seed: 1})}
	t.Cleanup(func() { must(n.net.Close()) })
	a, err := n.net.Node("a")
	must(err)
	b, err := n.net.Node("b")
	must(err)
	r, err := n.net.Router("r", k)
	must(err)
	iface := func(nd *sim.Node, name string, prefixes ...string) *sim.Port {
		var ps []netip.Prefix
		for _, p := range prefixes {
			ps = append(ps, netip.MustParsePrefix(p))
		}
		p, err := nd.AddInterface(name, ps...)
		must(err)
		return p
	}
	_, err = n.net.Connect(iface(a, "eth0", "10.1.0.1/24", "fd01::1/64"), iface(r, "eth0", "10.1.0.2/24", "fd01::2/64"), &sim.LinkConfig{Delay: time.Millisecond})
	must(err)
	_, err = n.net.Connect(iface(r, "eth1", "10.2.0.1/24", "fd02::1/64"), iface(b, "eth0", "10.2.0.2/24", "fd02::2/64"), &sim.LinkConfig{Delay: time.Millisecond, MTU: 1300})
	must(err)
	for nd, hops := range map[*sim.Node][]string{a: {"10.1.0.2", "fd01::2"}, b: {"10.2.0.1", "fd02::1"}} {
		for _, hop := range hops {
			must(nd.AddRoute(sim.Default(netip.MustParseAddr(hop))))
		}
	}
	host := func(nd *sim.Node) *proto.Host {
		tr, err := nd.Open(nil)
		must(err)
		h, err := proto.NewHost(tr, &proto.Config{Seed: 1})
		must(err)
		must(n.net.Attach(tr, h))
		return h
	}
	n.a, n.b = host(a), host(b)
	n.far = [2]netip.Addr{netip.MustParseAddr("10.2.0.2"), netip.MustParseAddr("fd02::2")}
	return n
}

func (n *narrowed) run(t *testing.T, d time.Duration) {
	t.Helper()
	if err := n.net.Run(d); err != nil {
		t.Fatal(err)
	}
}

// TestTooBigForThePathInMemory is TestTooBigForThePath over sim.
func TestTooBigForThePathInMemory(t *testing.T) {
	n := newNarrowed(t, nil)
	got := &prototest.Recorder{}
	handle(t, n.b, 253, got)
	sender, other := newTold(), newTold()
	x := handle(t, n.a, 253, sender)
	handle(t, n.a, 254, other)
	for i, dst := range n.far {
		send := func(mode proto.FragMode, size int, cookie uint64) (err error) {
			do(t, x, func(env *proto.Env) {
				err = env.Send(proto.Header{Dst: dst, Frag: mode, Cookie: cookie}, noise(size))
			})
			n.run(t, 10*time.Millisecond)
			return err
		}
		if err := send(proto.FragAuto, 1400, 77); err != nil {
			t.Fatal(err)
		}
		if e := within(t, sender.errors, "no error"); e.MTU != 1300 || e.Cookie != 77 || !errors.Is(&e, syscall.EMSGSIZE) {
			t.Errorf("%+v", e)
		}
		for _, r := range []*told{sender, other} {
			if p := within(t, r.paths, "not told of the path"); p != (pathChange{dst, 1300}) {
				t.Errorf("%+v", p)
			}
		}
		if err := send(proto.FragAuto, 1400, 78); err != nil {
			t.Fatal(err)
		}
		var big *transport.TooBigError
		if err := send(proto.FragNever, 1400, 79); !errors.As(err, &big) || big.MTU != 1300 {
			t.Errorf("FragNever: %v", err)
		}
		if ps := got.Packets(); len(ps) != i+1 || ps[i].FragSize == 0 || ps[i].FragSize > 1300 {
			t.Errorf("%d packets arrived", len(ps))
		}
	}
	if len(other.errors) != 0 {
		t.Error("another protocol is told the errors")
	}
	addsUp(t, n.a)
}

// TestShortPacketsToNobodyInMemory: a kernel in memory has no error queue
// either, and says that nobody takes a protocol.
func TestShortPacketsToNobodyInMemory(t *testing.T) {
	n := newNarrowed(t, &sim.KernelConfig{Interval: -1, Interval6: -1})
	sender := newTold()
	x := handle(t, n.a, 253, sender)
	for _, dst := range []string{"10.1.0.2", "fd01::2"} { // the router itself
		for size := range 9 {
			do(t, x, func(env *proto.Env) {
				if err := env.Send(proto.Header{Dst: netip.MustParseAddr(dst), Cookie: uint64(size + 1)}, make([]byte, size)); err != nil {
					t.Fatal(err)
				}
			})
			n.run(t, 10*time.Millisecond)
			if e := within(t, sender.errors, "no error"); e.Cookie != uint64(size+1) || e.Protocol != 253 || e.Offender.String() != dst {
				t.Errorf("%d bytes to %s: %+v", size, dst, e)
			}
		}
	}
}
