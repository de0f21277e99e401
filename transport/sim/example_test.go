// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"fmt"
	"net/netip"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// Two nodes, a link that delays and loses, and a tap that shows it.
func Example() {
	n := sim.New(&sim.Config{Seed: 8})
	defer n.Close()
	a, _ := n.Node("a")
	b, _ := n.Node("b")
	pa, _ := a.AddInterface("eth0", netip.MustParsePrefix("10.0.0.1/24"))
	pb, _ := b.AddInterface("eth0", netip.MustParsePrefix("10.0.0.2/24"))
	n.Connect(pa, pb, &sim.LinkConfig{Delay: 10 * time.Millisecond, Loss: 0.4})
	t, _ := a.Open(nil)

	start := n.Now()
	n.Tap(func(tr sim.Trace) {
		if tr.Node == "" { // what happens on links, not in nodes
			fmt.Printf("%6v %v → %v packet %d %v\n", tr.Time.Sub(start), tr.From, tr.To, tr.Number, tr.Fate)
		}
	})
	q := t.Queues()[0]
	for range 3 {
		var batch transport.Batch
		q.Reserve(&batch, 1)
		s := &batch.Slots[0]
		s.Data = append(s.Data, // length, identification, checksum and source are filled in
			0x45, 0, 0, 0, 0, 0, 0, 0, 64, 253, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2)
		s.Data = append(s.Data, "hello"...)
		if _, err := q.Commit(&batch, 1); err != nil {
			fmt.Println(err)
		}
		n.Run(time.Millisecond)
	}
	n.Run(time.Second)
	// Output:
	//     0s a:eth0 → b:eth0 packet 0 sent
	//    1ms a:eth0 → b:eth0 packet 1 sent
	//    1ms a:eth0 → b:eth0 packet 1 lost
	//    2ms a:eth0 → b:eth0 packet 2 sent
	//   10ms a:eth0 → b:eth0 packet 0 delivered
	//   12ms a:eth0 → b:eth0 packet 2 delivered
}
