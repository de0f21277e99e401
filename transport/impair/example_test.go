// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair_test

import (
	"fmt"
	"log"
	"net/netip"
	"time"

	"protean/transport/impair"
	"protean/transport/sim"
)

func ExampleParse() {
	p, err := impair.Parse("rate 10mbit limit 100p codel loss 1% delay 10ms jitter 2ms")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p)
	fmt.Println(len(p), "stages")

	p = impair.Pipeline{impair.Loss{P: 0.01}, impair.Delay{Time: 10 * time.Millisecond}}
	fmt.Println(p)

	_, err = impair.Parse("loss 1% delay 10")
	fmt.Println(err)
	// Output:
	// rate 10mbit limit 100p codel loss 1% delay 10ms jitter 2ms
	// 3 stages
	// loss 1% delay 10ms
	// word 4 of the pipeline, "10" in "delay 10": is not a duration such as 10ms
}

// A link that changes after three seconds.
func ExamplePipeline() {
	n := sim.New(nil)
	defer n.Close()
	a, _ := n.Node("a")
	b, _ := n.Node("b")
	pa, _ := a.AddInterface("eth0", netip.MustParsePrefix("10.0.0.1/24"))
	pb, _ := b.AddInterface("eth0", netip.MustParsePrefix("10.0.0.2/24"))
	link, err := n.Connect(pa, pb, &sim.LinkConfig{Delay: 10 * time.Millisecond})
	if err != nil {
		log.Fatal(err)
	}
	p := impair.Pipeline{impair.MTU{Bytes: 1400, Refuse: true}}
	start := n.Now()
	n.At(start.Add(3*time.Second), func() { link.Set(&sim.LinkConfig{Pipeline: p}) })
	n.Run(5 * time.Second)
	forth, _ := link.Stats()
	fmt.Println(forth.Offered, "packets")
	// Output: 0 packets
}
