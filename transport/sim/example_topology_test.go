// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"fmt"
	"net/netip"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// Two hosts on a switch, a router, and a host behind it, which is kept apart
// for a while.
func Example_topology() {
	n := sim.New(&sim.Config{Seed: 1})
	defer n.Close()
	sw, _ := n.Switch("sw")
	r, _ := n.Router("r", nil)
	a, _ := n.Node("a")
	c, _ := n.Node("c")

	lan, _ := r.AddInterface("lan", netip.MustParsePrefix("10.0.0.254/24"))
	wan, _ := r.AddInterface("wan", netip.MustParsePrefix("10.1.0.254/24"))
	pa, _ := a.AddInterface("eth0", netip.MustParsePrefix("10.0.0.1/24"))
	pc, _ := c.AddInterface("eth0", netip.MustParsePrefix("10.1.0.1/24"))
	sw.Connect(lan, nil)
	sw.Connect(pa, &sim.LinkConfig{Delay: time.Millisecond})
	n.Connect(wan, pc, &sim.LinkConfig{Name: "line", Delay: 10 * time.Millisecond, MTU: 1400})
	a.AddRoute(sim.Default(netip.MustParseAddr("10.0.0.254")))
	c.AddRoute(sim.Default(netip.MustParseAddr("10.1.0.254")))

	n.After(3*time.Second, func() {
		p, _ := n.Partition([]*sim.Node{a}, []*sim.Node{c})
		n.After(time.Second, p.Heal)
	})
	n.After(5*time.Second, c.Crash)

	start := n.Now()
	n.Tap(func(tr sim.Trace) {
		where := tr.Link
		if tr.Node != "" {
			where = "in " + tr.Node
		}
		if tr.Fate != sim.Sent {
			fmt.Printf("%6v %s: %v\n", tr.Time.Sub(start), where, tr.Fate)
		}
	})
	t, _ := a.Open(nil)
	for range 3 {
		var b transport.Batch
		t.Queues()[0].Reserve(&b, 1)
		b.Slots[0].Data = append(b.Slots[0].Data,
			0x45, 0, 0, 0, 0, 0, 0, 0, 64, 253, 0, 0, 0, 0, 0, 0, 10, 1, 0, 1)
		t.Queues()[0].Commit(&b, 1)
		n.Run(3 * time.Second)
	}
	// Output:
	//    1ms a:eth0-sw:p2: delivered
	//    1ms r:lan-sw:p1: delivered
	//    1ms in r: forwarded
	//   11ms line: delivered
	//   11ms in c: unwanted
	// 3.001s a:eth0-sw:p2: delivered
	// 3.001s r:lan-sw:p1: delivered
	// 3.001s in r: forwarded
	// 3.011s line: partitioned
	// 6.001s a:eth0-sw:p2: delivered
	// 6.001s r:lan-sw:p1: delivered
	// 6.001s in r: forwarded
	// 6.001s line: link down
}
