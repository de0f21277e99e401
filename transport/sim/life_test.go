// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

func TestAPartitionKeepsItsSidesApart(t *testing.T) {
	c := newChain(t, nil, nil, 2, nil)
	arrived := func() int {
		t.Helper()
		check(t, send(t, c.ta, ip4(c.src4(), c.dst4(), 60)))
		check(t, c.n.Run(time.Second))
		return len(packets(receive(t, c.tb)))
	}
	for _, side := range []*sim.Node{c.b, c.routers[0], c.routers[1]} {
		p, err := c.n.Partition([]*sim.Node{c.a}, []*sim.Node{side})
		check(t, err)
		if arrived() != 0 {
			t.Errorf("a and %s are apart, but a packet gets through", side.Name())
		}
		p.Heal()
		if arrived() != 1 {
			t.Errorf("healed, but the packet does not arrive")
		}
	}
	between, err := c.n.Partition(c.routers[:1], c.routers[1:])
	check(t, err)
	if arrived() != 0 {
		t.Error("the routers are apart, but pass a packet on")
	}
	between.Heal()
	_, err = c.n.Partition([]*sim.Node{c.b}, []*sim.Node{c.routers[0]})
	check(t, err)
	if arrived() != 1 {
		t.Error("b is apart from a router that only passes packets on to another, and gets none")
	}
	c.n.Heal()

	// What is on its way is lost if the partition is there when it arrives.
	check(t, send(t, c.ta, ip4(c.src4(), c.dst4(), 60)))
	var p *sim.Partition
	check(t, c.n.After(time.Millisecond/2, func() {
		p, err = c.n.Partition([]*sim.Node{c.a}, []*sim.Node{c.routers[0], c.b})
		check(t, err)
	}))
	check(t, c.n.After(time.Second/2, func() { p.Heal() }))
	check(t, c.n.Run(time.Second))
	if n := len(packets(receive(t, c.tb))); n != 0 {
		t.Errorf("%d packets arrived", n)
	}
	if s, _ := c.links[0].Stats(); s.Partitioned != 2 {
		t.Errorf("%+v", s)
	}
}

func TestACrashLosesWhatHasNotLeftTheNode(t *testing.T) {
	// A packet of 100 bytes takes 1 ms to send and 10 ms to arrive.
	p := newPair(t, nil, &sim.LinkConfig{Rate: 800000, Delay: 10 * time.Millisecond})
	for range 5 {
		check(t, send(t, p.ta, ip4(addrA, addrB, 100)))
	}
	receive(t, p.tb)
	check(t, p.n.After(2500*time.Microsecond, p.a.Crash))
	check(t, p.n.Run(5*time.Millisecond))
	if _, err := p.ta.Queues()[0].Recv(new(counter), 1); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a handle of a crashed node: %v", err)
	}
	if _, err := p.a.Open(nil); !errors.Is(err, sim.ErrCrashed) {
		t.Errorf("a handle on a crashed node: %v", err)
	}
	if !p.a.Crashed() {
		t.Error("not crashed")
	}
	check(t, send(t, p.tb, ip4(addrB, addrA, 100)))
	check(t, p.n.Run(time.Second))
	all := receive(t, p.tb)
	if n := len(packets(all)); n != 2 {
		t.Errorf("%d packets had left, want 2", n)
	}
	if !slices.ContainsFunc(all, func(g got) bool { return g.event == transport.LinkChanged && !g.iface.Up }) {
		t.Error("the neighbour did not see its link go down")
	}
	forth, back := p.link.Stats()
	if forth.Down != 3 || back.Down != 1 {
		t.Errorf("%+v %+v", forth, back)
	}

	var boots int
	p.a.OnRestart(func() error { boots++; p.ta = open(t, p.a, nil); return nil })
	check(t, p.a.Restart())
	check(t, p.a.Restart())
	if boots != 1 {
		t.Errorf("booted %d times", boots)
	}
	check(t, send(t, p.tb, ip4(addrB, addrA, 100)))
	check(t, send(t, p.ta, ip4(addrA, addrB, 100)))
	check(t, p.n.Run(time.Second))
	if len(packets(receive(t, p.ta))) != 1 || len(packets(receive(t, p.tb))) != 1 {
		t.Error("after the restart packets do not arrive")
	}
}

func TestActionsHaveTheirPlaceInTheOrderOfEvents(t *testing.T) {
	for _, live := range []bool{false, true} {
		p := newPair(t, &sim.Config{Live: live}, nil)
		var order []int
		done := make(chan bool)
		start := p.n.Now()
		for i, d := range []time.Duration{30, 10, 20, 10} {
			check(t, p.n.At(start.Add(d*10*time.Millisecond), func() {
				order = append(order, i)
				if now := p.n.Now().Sub(start); now < d*10*time.Millisecond || !live && now != d*10*time.Millisecond {
					t.Errorf("called after %v, not %v", now, d*10*time.Millisecond)
				}
				p.link.SetUp(i%2 == 0)
				if i == 0 {
					close(done)
				}
			}))
		}
		if live {
			<-done
		} else {
			check(t, p.n.Run(time.Second))
		}
		if !slices.Equal(order, []int{1, 3, 2, 0}) {
			t.Errorf("order %v", order)
		}
		var past *sim.PastError
		if err := p.n.At(start.Add(-1), func() {}); !errors.As(err, &past) || !errors.Is(err, os.ErrInvalid) {
			t.Errorf("an action in the past: %v", err)
		}
	}
}

func TestWhoDoesNotReceiveIsToldHowInterfacesAreInTheEnd(t *testing.T) {
	p := newPair(t, nil, nil)
	extra := mustPort(t)(p.b.AddInterface("eth1", prefixes("10.7.0.2/24")...))
	for i := range 1000 {
		p.link.SetUp(i%2 != 0)
		check(t, p.pb.SetMTU(1400+i))
		if i == 500 {
			check(t, extra.AddAddress(prefixes("10.8.0.2/24")[0]))
			check(t, extra.Remove())
		}
	}
	p.link.SetUp(false)
	last := map[int]transport.Interface{}
	all := receive(t, p.tb)
	for _, g := range all {
		if g.event != transport.LinkChanged {
			t.Fatalf("event %+v", g)
		}
		last[g.iface.Index] = *g.iface
	}
	if len(all) != 2 || len(last) != 2 {
		t.Errorf("%d events about %d interfaces, want one about each of two", len(all), len(last))
	}
	if i := last[p.pb.Index()]; i.Up || i.MTU != 2399 || i.Removed {
		t.Errorf("the interface that changed last: %+v", i)
	}
	if i := last[extra.Index()]; !i.Removed || i.Up || len(i.Prefixes) != 0 {
		t.Errorf("the interface that was removed: %+v", i)
	}
	p.link.SetUp(true)
	if all := receive(t, p.tb); len(all) != 1 || !all[0].iface.Up {
		t.Errorf("the next change: %+v", all)
	}
}

func TestInterfacesChange(t *testing.T) {
	p := newPair(t, nil, nil)
	receive(t, p.tb)
	last := func() transport.Interface {
		t.Helper()
		all := receive(t, p.tb)
		if len(all) != 1 || all[0].event != transport.LinkChanged {
			t.Fatalf("events %+v", all)
		}
		return *all[0].iface
	}
	check(t, p.pb.AddAddress(prefixes("10.9.0.2/24")[0]))
	if i := last(); len(i.Prefixes) != 4 {
		t.Errorf("%+v", i)
	}
	check(t, send(t, p.ta, ip4(addrA, addr("10.9.0.2"), 60)))
	check(t, p.n.Run(0))
	if n := len(packets(receive(t, p.tb))); n != 1 {
		t.Errorf("%d packets to the new address", n)
	}
	check(t, p.pb.RemoveAddress(addrB))
	if i := last(); len(i.Prefixes) != 3 {
		t.Errorf("%+v", i)
	}
	check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	check(t, p.n.Run(0))
	if n := len(packets(receive(t, p.tb))); n != 0 {
		t.Errorf("%d packets to the old address", n)
	}
	check(t, p.pb.SetMTU(1300))
	if i := last(); i.MTU != 1300 {
		t.Errorf("%+v", i)
	}
	var big *transport.TooBigError
	if err := send(t, p.tb, ip4(addrB, addrA, 1400)); !errors.As(err, &big) || big.MTU != 1300 {
		t.Errorf("above the MTU: %v", err)
	}
	check(t, send(t, p.ta, ip4(addrA, addr("10.9.0.2"), 1400)))
	check(t, p.link.SetMTU(1500))
	check(t, p.n.Run(0))
	receive(t, p.tb)
	check(t, p.pb.Remove())
	if i := last(); !i.Removed || i.Up {
		t.Errorf("%+v", i)
	}
	if n := len(p.tb.Interfaces()); n != 1 {
		t.Errorf("%d interfaces", n)
	}
	p2 := mustPort(t)(p.b.AddInterface("eth0", prefixes("10.0.0.2/24")...))
	if p2.Index() != 3 {
		t.Errorf("index %d", p2.Index())
	}
	_, err := p.n.Connect(p.pa, p2, nil)
	check(t, err)
	check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	check(t, p.n.Run(0))
	if n := len(packets(receive(t, p.tb))); n != 1 {
		t.Errorf("%d packets through the new interface", n)
	}
}
