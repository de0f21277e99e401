// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package vrrp_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"protean/docs/examples/vrrp"
	"protean/proto"
	"protean/proto/prototest"
	"protean/transport/sim"
)

// A router is one speaker on a node of a network in memory.
type router struct {
	name    string
	node    *sim.Node
	speaker *vrrp.Speaker
	binding *proto.Binding
	active  bool
}

// start has the router's program run, as it does when the node has booted.
func (r *router) start(t *testing.T, n *sim.Network) {
	t.Helper()
	tr, err := r.node.Open(nil)
	check(t, err)
	h, err := proto.NewHost(tr, nil)
	check(t, err)
	s := *r.speaker
	s.Elected = func(active bool) { r.active = active }
	r.active = false
	r.binding, err = h.HandleWith(&s, vrrp.Options())
	check(t, err)
	check(t, n.Attach(tr, h))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// three are routers with the priorities 100, 150 and 200 on a switch.
func three(t *testing.T, virtual string) (*sim.Network, []*router) {
	n := sim.New(&sim.Config{Seed: 1})
	t.Cleanup(func() { check(t, n.Close()) })
	sw, err := n.Switch("sw")
	check(t, err)
	var rs []*router
	for i, name := range []string{"r1", "r2", "r3"} {
		node, err := n.Node(name)
		check(t, err)
		p, err := node.AddInterface("eth0",
			netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 24),
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(i + 1)}), 64))
		check(t, err)
		_, err = sw.Connect(p, &sim.LinkConfig{Delay: time.Millisecond, Loss: 0.05})
		check(t, err)
		r := &router{name: name, node: node, speaker: &vrrp.Speaker{
			ID: 7, Priority: uint8(100 + 50*i), Interval: time.Second, Interface: "eth0", Virtual: netip.MustParseAddr(virtual),
		}}
		rs = append(rs, r)
		r.start(t, n)
	}
	return n, rs
}

// active returns the names of the active routers.
func active(rs []*router) (names []string) {
	for _, r := range rs {
		if r.active {
			names = append(names, r.name)
		}
	}
	return names
}

func TestElectionInVirtualTime(t *testing.T) {
	for _, virtual := range []string{"192.0.2.100", "fe80::100"} {
		t.Run(virtual, func(t *testing.T) {
			n, rs := three(t, virtual)
			want := func(what string, d time.Duration, names ...string) {
				t.Helper()
				check(t, n.Run(d))
				if got := active(rs); !slices.Equal(got, names) {
					t.Fatalf("%s: %q active, want %q", what, got, names)
				}
			}
			want("at first", 10*time.Second, "r3")
			rs[2].node.Crash()
			rs[2].active = false
			want("r3 has crashed", 10*time.Second, "r2")
			check(t, rs[1].binding.Close())
			rs[1].active = false
			want("r2 has said goodbye", time.Second, "r1")
			check(t, rs[2].node.Restart())
			rs[2].start(t, n)
			want("r3 is back", 10*time.Second, "r3")
			want("an hour later, in spite of loss", time.Hour, "r3")
		})
	}
}

// An advertisement that has passed a router, or has been changed, elects nobody.
func TestForgedAdvertisements(t *testing.T) {
	n := prototest.Pair(t, nil)
	s := &vrrp.Speaker{ID: 7, Priority: 100, Interval: time.Second, Interface: "eth0", Virtual: netip.MustParseAddr("10.0.0.100")}
	b := n.B.RegisterWith(t, s, vrrp.Options())
	a := n.A.Register(t, vrrp.Protocol, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { return nil }))
	for _, c := range []struct {
		ttl     uint8
		payload []byte
	}{
		{64, []byte{0x31, 7, 255, 1, 0, 100, 0xff, 0xff, 10, 0, 0, 100}},
		{255, []byte{0x31, 7, 255, 1, 0, 100, 0xff, 0xff, 10, 0, 0, 100}},
		{255, []byte{0x31}},
		{255, nil},
	} {
		var err error
		check(t, a.Do(func(env *proto.Env) {
			err = env.Send(proto.Header{Dst: n.B.Addr4, TTL: c.ttl}, c.payload)
		}))
		check(t, err)
	}
	n.Run(t, time.Second)
	if st := b.Stats(); st.Taken != 0 || st.Dropped.Total() != 3 {
		t.Errorf("taken %d, dropped %d; want the three with a TTL of 255 dropped", st.Taken, st.Dropped.Total())
	}
}
